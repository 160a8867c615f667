"""`lapinq completion`: a shell that has read the script completes commands on Tab."""

import shutil

import pytest

from tests.support.programs.terminal import Terminal

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile"], 'eval "$(lapinq completion bash)"'),
    "zsh": (["zsh", "-f"], 'autoload -U compinit && compinit -u -D; eval "$(lapinq completion zsh)"'),
    "fish": (["fish", "--no-config"], "lapinq completion fish | source"),
}


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
def test_a_shell_completes_commands(shell: str) -> None:
    program, reads_script = SHELLS[shell]
    with Terminal(*program) as terminal:
        terminal.type(f"{reads_script}; echo re''ady\n")
        terminal.until("ready\r\n")
        terminal.type("lapinq ta\t")
        terminal.until("task")
        terminal.type("canc\t")
        terminal.until("cancel")
