"""The words the grammar knows: verbs with their frames, prepositions, numbers, colours, politeness."""

from __future__ import annotations

VERBS: dict[str, str] = {
    "pick up": "pick", "pick": "pick", "grab": "pick", "take": "pick", "get": "pick", "lift": "pick", "lift up": "pick", "hold": "pick",
    "collect": "pick", "grasp": "pick", "take out": "pick", "get out": "pick", "take down": "pick",
    "put": "place", "place": "place", "set": "place", "lay": "place", "put down": "place", "set down": "place", "drop": "place",
    "put away": "place", "leave": "place", "store": "place", "stow": "place", "put back": "place", "drop off": "place",
    "bring": "bring", "fetch": "bring", "carry": "bring", "move": "bring", "deliver": "bring", "transport": "bring", "return": "bring",
    "bring back": "bring", "hand": "bring", "give": "bring", "pass": "bring", "transfer": "bring", "relocate": "bring",
    "open": "open", "open up": "open",
    "close": "close", "shut": "close",
    "find": "find", "search for": "find", "search": "find", "locate": "find", "look for": "find", "seek": "find", "hunt for": "find",
    "track down": "find", "find out where": "find",
    "look at": "look", "look in": "inspect", "look inside": "inspect", "look into": "inspect", "look on": "look", "inspect": "look",
    "examine": "look", "view": "look", "check": "look", "check in": "inspect", "check inside": "inspect", "check on": "look", "look": "look",
    "search in": "inspect",
    "go to": "go", "drive to": "go", "walk to": "go", "navigate to": "go", "head to": "go", "come to": "go", "move to": "go", "go": "go",
    "go into": "go", "drive into": "go", "go back to": "go", "return to": "go", "come": "go", "come back": "go", "come back to": "go",
    "drive": "go", "head": "go", "go in": "go",
}

PREPOSITIONS: dict[str, str] = {
    "on top of": "on", "onto": "on", "on": "on", "upon": "on", "over to": "to", "back to": "to", "to": "to", "back on": "on", "back in": "in",
    "back into": "in", "back onto": "on",
    "into": "in", "inside of": "in", "inside": "in", "in": "in", "within": "in",
    "out of": "from", "off of": "from", "off": "from", "from": "from", "at": "at", "near": "near", "next to": "near", "beside": "near",
    "by": "near", "close to": "near", "under": "under", "below": "under", "behind": "under",
}

NUMBERS: dict[str, int] = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "both": 2,
                           "another": 1, "couple": 2}

DEFINITE = frozenset({"the", "my", "your", "our", "his", "her", "their", "this", "that", "these", "those", "both", "all", "every", "each"})
INDEFINITE = frozenset({"a", "an", "any", "some", "another", "one"})
EVERY = frozenset({"all", "every", "each"})
PRONOUNS = frozenset({"it", "them", "those", "these", "that", "this", "one"})
RELATIVE = ("that is", "which is", "that are", "which are", "that's", "that stands", "that lies", "standing", "lying", "sitting", "that was", "which was")

COLORS: dict[str, str] = {c: c for c in ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray", "beige",
                                         "cyan", "silver", "gold")}
COLORS |= {"grey": "gray", "violet": "purple", "turquoise": "cyan", "golden": "gold", "silvery": "silver", "lilac": "purple", "crimson": "red"}
COLOR_SUFFIXES = ("ish", "-coloured", "-colored")
ADJECTIVES = frozenset({"big", "small", "large", "little", "old", "new", "nearest", "clean", "dirty", "empty", "full", "favourite", "favorite", "other"})

CONNECTORS = frozenset({"and", "then", ",", ";", ".", "afterwards", "finally", "next", "first", "after", "also", "!", ":"})
OPENINGS: tuple[str, ...] = (
    "could you", "can you", "would you", "will you", "i want you to", "i would like you to", "i 'd like you to", "i'd like you to", "i need you to",
    "you should", "you must", "hey", "hi", "hello", "robot", "ok", "okay", "go and", "come and", "try to", "be so kind and", "be so kind as to",
    "would you mind", "i want to have", "make sure to", "let's", "let us", "you can",
)
FILLERS: tuple[str, ...] = ("please", "kindly", "just", "quickly", "carefully", "thanks", "thank you", "for me", "for us", "right now", "now", "again",
                            "right away", "over here please", "after that", "if you can", "would you", "will you", "immediately", "very", "gently")
QUESTIONS = frozenset({"where", "what", "who", "when", "why", "how", "which", "is", "are", "was", "were", "did", "does", "do", "have", "has"})

EXAMPLES = ("bring the mug to the dining table", "pick up the red cup from the counter", "put two apples in the fridge", "open the cabinet",
            "find the book", "look in the fridge", "go to the kitchen")
