"""Text that a terminal shows and does not obey."""

import json

from lapinq.commands.output.terminal import json_text


def test_json_has_no_control_characters_of_a_terminal_and_says_the_same() -> None:
    text = json.dumps({"error": "\x1b[31m \x7f \x9b2J \x85 \u202e é 🐇\n"}, ensure_ascii=False)
    shown = json_text(text)
    assert not set("\x1b\x7f\x9b\x85\u202e") & set(shown)
    assert r"\u009b2J" in shown
    assert "é 🐇" in shown
    assert json.loads(shown) == json.loads(text)
