"""Text as Tango carries it."""


def latin(text: str) -> str:
    """Return the text in Latin-1, the code of Tango's strings; a sign that it lacks becomes its number: ``\\u03b8``."""
    return text.encode("latin-1", errors="backslashreplace").decode("latin-1")
