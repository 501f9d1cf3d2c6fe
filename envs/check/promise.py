"""The two ways in which a promise may not hold."""


class Broken(Exception):
    """A promise is not kept; the message says how, and what to do."""


class NothingToCheck(Exception):
    """The promise does not apply; the message says why."""
