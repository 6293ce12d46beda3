"""``python -m vaescope`` is ``vaescope``; so a launcher of many processes can start it."""

from vaescope.cli import main

if __name__ == "__main__":
    main()
