"""A reader of the elements of a page, for tests."""

from __future__ import annotations

from html.parser import HTMLParser


class Elements(HTMLParser):
    """The ids and the resources of a page, and the elements that are not closed."""

    VOID = ("meta", "link", "br", "img", "hr", "input")

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.resources = [], [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values else []
        self.resources += [v for k, v in attributes if k in ("src", "href", "xlink:href", "data", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
