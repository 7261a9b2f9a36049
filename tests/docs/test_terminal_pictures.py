"""A picture of a terminal shows what the program wrote there, and loads nothing."""

import re
import sys

from .terminal_pictures import taken

PROGRAM = "import sys; print('\\x1b[31mred', sys.stdout.isatty(), sys.argv[1:])"


async def test_a_picture_shows_what_a_program_writes_to_a_terminal() -> None:
    picture = await taken(sys.executable, [f'python -c "{PROGRAM}" a "b c"'], {})

    text = re.sub(r"<[^>]+>", "", picture).replace("&#160;", " ")
    assert "red True [&#x27;a&#x27;, &#x27;b c&#x27;]" in text
    assert set(re.findall(r"https?://[^\"\s]+", picture)) == {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
    assert "@font-face" not in picture
