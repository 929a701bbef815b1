"""Cue words of questions: regular expressions, each between word boundaries, whose presence speaks for a meaning (see sentence.py)."""

from __future__ import annotations

# a time to come may be meant
FUTURE = (
    r"\bwill\b|'ll\b|\bgoing to\b|\bshould i\b|\bi (?:want|need)\b|\bcan i expect\b|"
    r"\bwould\b(?! (?:you|like)\b)|\blikely\b|\bpredict|\bexpect\b|\btomorrow\b|\btonight\b"
)
# and then none is
PAST = r"\bwas\b|\bwere\b|\bdid\b|\bhad\b|\bhave (?:i |you |we )?(?:found|been|seen)\b"
# a number
MANY = (
    r"how many(?! (?:hours|minutes|days|weeks|times))|number of|quantity of|total of|in numbers|"
    r"count|amount of|how much(?! time)|tally"
)
# how often
TIMES = r"how (?:many times|often)"
# rooms, asked for as such
ROOMS = r"(?:how many|what|which|list|name|number of|all|know|count)(?: \w+)? rooms|rooms (?:are|do|does|exist)"
# what a robot does to a thing for somebody
DEEDS = (
    r"bring|brought|fetch(?:ed)?|deliver(?:ed)?|carry|carried|drop(?:ped)? off|hand(?:ed)?|get|got|take|took|taken|"
    r"return(?:ed)?|bringing|fetching|delivering|delivery|transport(?:ed)?|give|gave|"
    r"c[oa]me (?:round|over|by|along) with"
)
# what such a question does not say; and what tells "did you get the mug" from "where did you get to"
NO_DEED = (
    r"where|how long(?! ago (?:did|have) you| is it since)|move[ds]?|what (?!time|day|hour|was the time)|which (?!day)|last (?:see|saw)"
)
GOT = (
    r"i asked|like i asked|did you (?:\w+ )?(?:get|take|hand)|have you (?:\w+ )?(?:got|taken)|you (?:went and |go and )?(?:get|got|took)|"
    r"supposed|from you|picked up|c[oa]me (?:round|over|by|along)"
)
# what the robot did
DOING = (
    r"you (?:were|are|have been|had been) \w+ing|did you (?:do|get up|work|patrol|clean|go|visit|accomplish|finish|complete|"
    r"perform|achieve|run|"
    r"get (?:anything |something )?done|manage to do|carry out|see to)|"
    r"(?:you|were you|been) (?:doing|up to|busy|working)|were you (?:on|up|busy|at work|active|doing|"
    r"working|patrol\w*)|your (?:time|log|logs|job|jobs|tasks?|activit\w+|day|work|patrols?|rounds?|chores?|duties|record|"
    r"errands?|schedule|report|agenda)|kept you busy|you (?:did|do|done|patrol\w*|accomplish\w*|finish\w*|complete\w*|"
    r"perform\w*)|have you been|you (?:get|got) up to|(?:you|did you) spend|keep you busy|(?:jobs?|tasks?|errands?|chores?|"
    r"activit\w+|work|actions?|duties) (?:did|have|had|were|was)|your shift|you keep busy|"
    r"did the robot do|asked to do|what (?:did|have) you (?:bring|brought|take|taken|carry|carried|fetch\w*|deliver\w*)|"
    r"you were about|occup\w+ (?:yourself|you)|did you have any (?:jobs?|tasks?|errands?|chores?|work)"
)
# that it went round the home
SURVEYS = r"(?:patrol|explor|survey|inspect)\w*|look(?:ed|ing)? around"
# since when it is where it is; and what makes it a question for a last time
SINCE = (
    r"since when|how long (?:has|have) (?:\w+ ){1,5}been|when (?:did|was|were|has|have) (?:\w+ ){1,6}(?:arrived?|come to|get (?:on|in|to)|"
    r"put (?:on|in|onto|into)|placed|moved (?:to|onto|into|on))"
)
NOT_SINCE = r"you|i|see|seen|saw|sight\w*|spot\w*|notic\w*|last|gone|missing|away|ago|open|opened|shut|closed|been since"
# a last time
LAST = (
    r"when|how (?:many (?:hours|minutes|days|weeks)|much time)|"
    r"last (?:look|sighting|sighted|seen|see|saw|time|spotted|noticed|view|appearance|glimpse|known)|how (?:long|recently|"
    r"recent|old)|what (?:time|day|date)|which day|at what|most recent(?:ly)?|latest|seen \w+ lately|lately|recently|(?:last|"
    r"latest) \w+ of"
)
# habits
USUAL = (
    r"usual(?:ly)?|normal(?:ly)?|typical(?:ly)?|tends?|generally|general|mostly|regular(?:ly)?|most often|(?:most|"
    r"majority) of the|belongs?|would you expect|as a rule|by default|ordinarily|commonly|common|habit\w*|customary|"
    r"customarily|supposed to (?:be|go|live)|most frequent(?:ly)?|frequently|favou?rite|always|often|routine(?:ly)?|"
    r"most likely|likeliest|default|live|lives|home for|proper|most days|most of (?:its|the|his|her) time|"
    r"where does (?:\w+ ){1,4}go|should (?:\w+ ){1,4}be put|where (?:\w+ ){0,3}do (?:\w+ ){1,3}keep|(?:is|are) (?:\w+ ){1,5}kept|"
    r"home of|ordinary|habitually|(?:as|more) often (?:as|than) not|where do (?:\w+ ){2,6}most|every day"
)
# and that beside a time of day, which without them would be one of today
USUAL_STRONG = (
    r"usual(?:ly)?|normal(?:ly)?|typical(?:ly)?|tends?|general(?:ly)?|mostly|belongs?|regular(?:ly)?|habit\w*|"
    r"(?:every|most|ordinary) days?|most (?:common|often|of the time)|(?:as|more) often (?:as|than) not|as a rule|"
    r"routine(?:ly)?|ordinarily|customar\w+"
)
# states of doors and of what is switched
STATES = {
    "open": r"open(?:ed)?|ajar|closed?|shut|locked",
    "on": r"(?:turned|switched|left|leave|turn|switch|powered|still|it|was|is|was not) (?:on|off)|"
    r"(?:on|off) or (?:on|off)|running|lit|burning|alight|(?:on|off)$",
}
# any state
STATE_WORD = r"(?:what )?state|status|condition|how (?:is|was|were|did)"
# of one thing: it went
GOES = (
    r"disturb\w*|pick up|travel\w*|switch(?:ed)? places|no longer where|carried|been still|(?:go|gone|went) (?:some|any)where|"
    r"(?:left|leave) its|wander\w*|in one place"
)
# changes
CHANGE = (
    r"chang\w*|differ\w*|moved?|moving|movement|move|moves|shift\w*|new|missing|disappear\w*|vanish\w*|gone|touch\w*|"
    r"turned up|added|swap\w*|rearrang\w*|happen\w*|as it was|where it was|the same|appear\w*|taken|took|take|left|removed?|"
    r"remove|displac\w*|relocat\w*|altered|budged?|stir\w*|update\w*|elsewhere|stayed?|stay|been put|brought in|mess\w*|"
    r"tamper\w*|meddl\w*|fiddl\w*|missed|no longer|gone anywhere|put back|been (?:at|with)|had|"
    r"going on|somewhere else|out of place|not where they were|picked up|reorgani\w*|shuffl\w*|came in(?:to)?|" + GOES
)
# it was there before, and is again
BACK = (
    r"(?:(?:brought|bring|brings|come|comes|came|put|moved|turned|carried|got|given|is|are|been|was|were) "
    r"(?:\w+ ){0,3}(?<!the )back)(?! (?:in|of|to front|room|door|wall))|"
    r"returned|reappear\w*|(?:turned up|seen|found|there) again|(?:turned|turn) up again"
)
# kinds of change, where one is asked for; see change_kinds.py. What says BACK is looked at first, and taken out
KINDS = {
    "removed": r"no longer (?:in|on|at|there|here)|"
    r"vanish\w*|disappear\w*|gone(?! (?:any|some)where)|missing|(?:got|get|been|was|were) lost|stolen|taken|"
    r"take|took|removed?|taking|left (?=the|my|our)",
    "appeared": r"new|appear\w*|added|turned up|turn up|came in(?:to)?|brought in(?:to)?|newcomers?|arrived?|showed up|for the first time",
    "moved": r"moved?|moves|moving|shift\w*|relocat\w*|displac\w*|rearrang\w*|swap\w*|shuffl\w*|reorgani\w*|misplaced|out of place|"
    r"somewhere else|elsewhere",
    "state_changed": r"opened|closed|shut|switched",
}
# what did not change, or what the robot itself moved
STAYED = (
    r"(?:what|which) .*\b(?:not|never) (?:been )?(?:mov\w*|chang\w*|shift\w*|touch\w*)|"
    r"(?:what|which) .*\b(?:did|have) you (?:take|taken|bring|brought|carry|carried)"
)
# state changes by name: (state, value)
TURNED = {
    "opened": ("open", "true"),
    "closed|shut": ("open", "false"),
    "switched on|turned on": ("on", "true"),
    "switched off|turned off": ("on", "false"),
    r"switched(?! (?:on|off))": ("on", ""),
}
# the same where one thing is named, and the time of it is asked for
TURNS = {
    r"opened|(?:did|has|have) (?:\w+ ){1,5}open|been open": ("open", "true"),
    r"closed|shut|(?:did|has|have) (?:\w+ ){1,5}(?:close|shut)": ("open", "false"),
    r"(?:switched|turned) on|(?:been|come|came|go|went) on$": ("on", "true"),
    r"(?:switched|turned) off|(?:been|go|went) off$": ("on", "false"),
}
TURNED_WHEN = r"(?:since )?when|what time|how long (?:ago|has|have)|last time"
# what speaks for a change only where no thing is named
NO_THING = r"(?:got|get|been|was|were) (?:lost|shut)|stolen|arrived?|showed up|opened|closed|switched"
# changes of any kind
ANY_KIND = r"chang\w*|differ\w*|happen\w*|updates?|touch\w*|tamper\w*|mess\w*|disturb\w*|going on|as it was|the same"
# has it ever been seen
EVER = (
    r"ever|never|own|owns|do (?:we|you|i) (?:even )?(?:have|know|own)|have (?:we|you|i) (?:got )?(?:an?|any)|does .* have|"
    r"come across|there be|any (?:sign|trace|record)|exist\w*|there (?:is|are|was)|is there|are there|encounter\w*|aware of|know of|"
    r"at any (?:time|point)|possess\w*|familiar|you know (?:an?|any)|(?:spotted|seen|noticed|saw|see) (?:an?|any)"
)
# a place
WHERE = (
    r"where|whereabouts|which (?:room|place|surface|furniture)|what (?:room|place)|looking for|look for|find|lost|locate|"
    r"location|position|seen|around here|track down|hunt\w*|search\w*|misplaced|need the|missing|see|spot|got to|be hiding|"
    r"hiding|get hold of|put my hands on|laid eyes|place of|"
    r"(?:on|in|at) (?:what|which)|(?:what|which) (?:piece|spot|place|surface)|point me|show me|"
    r"what (?:is|was) .+ on$"
)
# what a place holds
CONTENT = (
    r"what|which|anything|something|nothing|things?|objects?|items?|everything|contents?|list|empty|clear|full|bare|occupied|"
    r"stuff|clutter\w*|free|all|show|name"
)
# in so many words
EVER_STRONG = r"ever"
# changes, nothing else
CHANGE_STRONG = r"chang\w*|moved?|moving|shift\w*|happen\w*"
# changes of nothing in particular
WHAT_CHANGED = r"(?:what|which|everything|anything|something) (?:\w+ ){0,3}(?:chang|mov|differ|shift|gone|missing|new|happen)\w*"
# moves of one thing
MOVED_STRONG = (
    r"moved?|moving|movement|shift\w*|chang\w*|different|touch\w*|taken|gone anywhere|budged?|relocat\w*|displac\w*|elsewhere|"
    r"somewhere else|picked up|" + GOES
)
