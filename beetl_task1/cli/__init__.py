"""The command line: parses, calls one library function, prints."""


def main() -> None:
    """Entry point, filled in below."""
