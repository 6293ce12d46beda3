"""The words of the built-in grammar: content words by topic, function words by category, the frequent ones first."""

TOPICS: dict[str, dict[str, str]] = {
    "sea": {
        "Noun": "ship sailor captain harbor whale reef lighthouse ferry tide shark",
        "Transitive": "steered anchored rowed boarded salvaged",
        "Intransitive": "sailed drifted sank",
        "Adjective": "salty deep stormy coastal foggy",
    },
    "farm": {
        "Noun": "farmer cow barn tractor field shepherd horse fence meadow pig",
        "Transitive": "milked plowed fed harvested herded",
        "Intransitive": "grazed ripened bleated",
        "Adjective": "muddy green fertile rural woolly",
    },
    "kitchen": {
        "Noun": "cook soup kettle recipe baker pan spoon cake pepper dinner",
        "Transitive": "baked tasted stirred peeled seasoned",
        "Intransitive": "simmered boiled melted",
        "Adjective": "sweet spicy crispy buttery warm",
    },
    "music": {
        "Noun": "singer violin melody drummer piano song concert guitar chorus flute",
        "Transitive": "played composed tuned rehearsed recorded",
        "Intransitive": "sang hummed resonated",
        "Adjective": "loud melodic rhythmic tuneful harmonic",
    },
    "sport": {
        "Noun": "player coach team referee goal match runner stadium ball trophy",
        "Transitive": "kicked defeated trained tackled scored",
        "Intransitive": "sprinted jumped competed",
        "Adjective": "fast fit sporty winning nimble",
    },
    "court": {
        "Noun": "judge lawyer witness jury verdict prisoner contract trial law crime",
        "Transitive": "sued acquitted sentenced questioned defended",
        "Intransitive": "testified confessed pleaded",
        "Adjective": "guilty legal stern formal criminal",
    },
    "hospital": {
        "Noun": "doctor nurse patient clinic surgeon pill fever wound bandage disease",
        "Transitive": "cured treated diagnosed vaccinated examined",
        "Intransitive": "recovered coughed fainted",
        "Adjective": "sick pale healthy sterile medical",
    },
    "space": {
        "Noun": "rocket planet star comet telescope moon galaxy satellite probe crater",
        "Transitive": "launched orbited photographed charted detected",
        "Intransitive": "shone exploded rotated",
        "Adjective": "bright cosmic lunar distant solar",
    },
}
"""Content words of each topic and category, as many in every topic; all words of the language are distinct."""

FUNCTION: dict[str, str] = {
    "Determiner": "the a this every one another",
    "Pronoun": "she he they someone nobody",
    "NounPreposition": "of with from like",
    "VerbPreposition": "near behind under beside above",
    "Relative": "that which",
    "Adverb": "slowly again yesterday quietly often suddenly happily twice",
    "Conjunction": "and but because while before",
    "Subordinator": "when if whenever",
    "Then": "then",
}
"""Function words of each category, the same for every topic."""
