"""Every statement that touches a table is bound to one user, and names its columns: in strings and in functions.

It is not an SQL parser. It recognises the few forms that the services use, and reports everything else as a fault.
"""

import re
from collections.abc import Iterator, Sequence

TABLES = {"tasks", "command_log", "user_revisions", *(f"command_log_{slot}" for slot in range(4))}
USER = "%(user_id)s"
FIRST_STATEMENT = ["set", "local", "app.user_id", "=", USER]
CREATES_FUNCTION = re.compile(r"\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\b", re.IGNORECASE)
FUNCTION = re.compile(
    CREATES_FUNCTION.pattern + r"(?P<head>.*?)\bas\s+(?P<quote>\$\w*\$)(?P<text>.*?)(?P=quote)",
    re.DOTALL | re.IGNORECASE,
)
BODY = re.compile(r"\bbegin\b(?P<body>.*)\bend\b\s*;?\s*$", re.DOTALL | re.IGNORECASE)
SEARCH_PATH = re.compile(
    r"\bset\s+search_path\s*(?:=|to)\s*pg_catalog, public, pg_temp\s*$", re.IGNORECASE | re.MULTILINE
)
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
LOOP_OVER_COMMANDS = re.compile(r"\bfor command in\b(.*?)\bloop\b(.*)\bend loop\b", re.DOTALL | re.IGNORECASE)
PLACE_OF_ARRAY = re.compile(r"\bp_(\w+)s\[place\]")
LOOP_OVER_READS = re.compile(
    r"\bfor place in 1 \.\. cardinality\(p_user_ids\) loop\b(.*)\bend loop\b", re.DOTALL | re.IGNORECASE
)
LOOKED_FOR_IN_TURN = re.compile(
    r"\bfrom \(\s*select set_config\('app\.user_id', user_id::text, true\)::uuid as user_id(?:, \w+)*\s+"
    r"from unnest\(p_user_ids(?:, p_\w+s)*\) as given \(user_id(?:, \w+)*\)\s+offset 0\s*\) as asked\s+"
    r"left join lateral \((?P<turn>.*)\boffset 0\s*\) as found on true;",
    re.DOTALL | re.IGNORECASE,
)
CLAUSES = {
    "with", "select", "from", "join", "on", "where", "group", "order", "having", "limit", "offset", "window", "for",
    "insert", "into", "values", "update", "set", "delete", "using", "returning", "conflict",
}  # fmt: skip
NAMING_TABLES = {"from", "join", "into", "update", "using"}
SET_OPERATIONS = {"union", "intersect", "except"}
TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|%\(\w+\)s|"?[a-z_][\w$]*"?(?:\."?[a-z_][\w$]*"?)*(?:\.\*)?|\d[\d.]*|::|[<>=!|-]{1,3}|\S""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)

type Group = list[str | Group]
"""The words of a statement in lower case; what stands in parentheses is a group of its own."""


def statements(sql: str) -> list[Group]:
    """The statements of a string."""
    stack: list[Group] = [[]]
    found: list[Group] = [stack[0]]
    for part in TOKEN.findall(sql):
        if part.startswith(("--", "/*")):
            continue
        if part == "(":
            stack.append([])
            stack[-2].append(stack[-1])
        elif part == ")" and len(stack) > 1:
            stack.pop()
        elif part == ";":
            stack = [[]]
            found.append(stack[0])
        else:
            stack[-1].append(part if part.startswith(("'", "%")) else part.lower().replace('"', ""))
    return [statement for statement in found if statement]


def faults(sql: str) -> list[str]:
    """What is wrong with the statements of one string, or of the functions that it creates."""
    if not CREATES_FUNCTION.search(COMMENT.sub("", sql)):
        return _faults_of_string(sql)
    functions = list(FUNCTION.finditer(sql))
    found = [fault for function in functions for fault in _faults_of_function(function)]
    if len(functions) != len(CREATES_FUNCTION.findall(COMMENT.sub("", sql))):
        found.append("a function whose text cannot be read: it does not stand between dollar signs")
    return found


def _faults_of_function(function: re.Match[str]) -> Iterator[str]:
    """The user of a function is `p_user_id`. In a loop over commands it is `command.user_id`, in one over arrays of
    reads `p_user_ids[place]`, and `asked.user_id` in what is joined to a select that names the user of each row: what
    is done in each turn is looked at as a body of its own.
    """
    if not SEARCH_PATH.search(function["head"]):
        yield "no fixed search_path: a temporary table could stand before ours"
    if "security definer" in " ".join(function["head"].lower().split()):
        yield "runs with the rights of its owner"
    text = COMMENT.sub("", function["text"])
    body = found["body"] if (found := BODY.search(text)) else text
    if re.search(r"\bexecute\b", body, re.IGNORECASE):
        yield "dynamic SQL, which no check can read"
    turns = [_with_placeholders(turn, "command.") for _, turn in LOOP_OVER_COMMANDS.findall(body)]
    of_arrays = (PLACE_OF_ARRAY.sub(r"read.\1", turn) for turn in LOOP_OVER_READS.findall(body))
    turns += [_with_placeholders(turn, "read.") for turn in of_arrays]
    asked = f"{' '.join(FIRST_STATEMENT)}; "
    turns += [asked + _with_placeholders(turn, "asked.") for turn in LOOKED_FOR_IN_TURN.findall(body)]
    around = LOOKED_FOR_IN_TURN.sub("", LOOP_OVER_READS.sub("", LOOP_OVER_COMMANDS.sub(r"\1", body)))
    around = _with_placeholders(around, "p_")
    for part in (around, *turns):
        yield from _faults_of_string(part)


def _with_placeholders(body: str, before: str) -> str:
    """The body as a string of the same meaning that is given the values whose names begin with `before`."""
    named = rf"(?:perform|\w+\s*:=)\s+set_config\('app\.user_id', {re.escape(before)}user_id::text, true\);"
    spelled_out = re.sub(named, " ".join(FIRST_STATEMENT) + ";", body, flags=re.IGNORECASE)
    return re.sub(rf"\b{re.escape(before)}(\w+)", r"%(\1)s", spelled_out)


def _faults_of_string(sql: str) -> list[str]:
    all_statements = statements(sql)
    touching = [statement for statement in all_statements if any(_table(word) for word in _words(statement))]
    found = [fault for statement in all_statements for fault in _faults_of_group(statement)]
    if touching and all_statements[0] != FIRST_STATEMENT:
        found.append("does not begin by telling row-level security who asks")
    return found


def _words(group: Group) -> Iterator[str]:
    for item in group:
        yield from [item] if isinstance(item, str) else _words(item)


def _table(word: str) -> bool:
    return word.rpartition(".")[2] in TABLES and word.rpartition(".")[0] in {"", "public"}


def _faults_of_group(group: Group) -> Iterator[str]:
    for item in group:
        if isinstance(item, list):
            yield from _faults_of_group(item)
    for block in _split(group, SET_OPERATIONS):
        yield from _faults_of_block(block)


def _split(group: Group, at: set[str]) -> list[Group]:
    parts: list[Group] = [[]]
    for item in group:
        if isinstance(item, str) and item in at:
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


def _clauses(block: Group) -> list[tuple[str, Group]]:
    """The block cut at its keywords; what stands before the first has the keyword ''."""
    parts: list[tuple[str, Group]] = [("", [])]
    for item in block:
        if isinstance(item, str) and item in CLAUSES:
            parts.append((item, []))
        else:
            parts[-1][1].append(item)
    return parts


def _faults_of_block(block: Group) -> Iterator[str]:
    clauses = _clauses(block)
    to_filter: list[tuple[str, str]] = []  # table and its name in this block
    several = any(keyword in {"join", "using"} for keyword, _ in clauses)
    for place, (keyword, content) in enumerate(clauses):
        if keyword in {"select", "returning"} and _has_star(content):
            yield f"{keyword} * instead of columns"
        for position, word in enumerate(content):
            if not isinstance(word, str) or not _table(word):
                continue
            if keyword not in NAMING_TABLES:
                yield f"{word} after {keyword or 'an unknown word'} is not understood"
            elif keyword == "into":
                yield from _faults_of_insert(clauses[place:])
            else:
                to_filter.append((word, _alias(content[position + 1 :]) or word.rpartition(".")[2]))
        several = several or (keyword == "from" and "," in content)
        if keyword == "set" and "user_id" in content:
            yield "a row is given to another user"
    condition = [content for keyword, content in clauses if keyword == "where"]
    for table, name in to_filter:
        if not condition or not _binds_user(condition[0], {name} if several else {name, ""}):
            yield f"{table} is not bound to the user"


def _has_star(content: Group) -> bool:
    before = [",", *content]
    return any(
        (item == "*" and previous in {",", "distinct", "all"}) or (isinstance(item, str) and item.endswith(".*"))
        for previous, item in zip(before, content, strict=False)
    )


def _alias(after: Sequence[str | Group]) -> str | None:
    rest = [item for item in after if item != "as"]
    return rest[0] if rest and isinstance(rest[0], str) and rest[0].isidentifier() else None


def _binds_user(condition: Group, names: set[str]) -> bool:
    """Whether one of the conditions that all have to hold is `user_id = %(user_id)s` for a table of these names."""
    if "or" in condition:
        return False
    bound = {f"{name}.user_id".removeprefix(".") for name in names}
    pairs = [part for part in _split(condition, {"and"}) if len(part) == 3 and part[1] == "="]
    return any(USER in part and any(column in part for column in bound) for part in pairs)


def _faults_of_insert(clauses: Sequence[tuple[str, Group]]) -> Iterator[str]:
    """An insert writes the user's own id into user_id, in each of its rows, and never changes a row that is there."""
    (_, target), *rest = clauses
    columns = target[1] if len(target) > 1 and isinstance(target[1], list) else []
    names = [part[0] for part in _split(columns, {","}) if part]
    if "user_id" not in names:
        yield "an insert without user_id"
        return
    place = names.index("user_id")
    keyword, content = next((part for part in rest if part[0] in {"values", "select"}), ("", []))
    rows = [item for item in content if isinstance(item, list)] if keyword == "values" else [content]
    for row in rows:
        values = _split(row, {","})
        if len(values) <= place or values[place] != [USER]:
            yield "an insert for another user"
    if not rows:
        yield "an insert without values"
    if any(keyword == "conflict" and "nothing" not in content for keyword, content in rest):
        yield "an insert that may change a row"
