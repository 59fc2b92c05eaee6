from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from stepsight_collector.access import Token, digest
from stepsight_collector.errors import ConfigError
from stepsight_collector.receivers.quota import Quota
from stepsight_collector.settings import Settings
from stepsight_collector.tokens import Doors, load_doors
from stepsight_collector.watch import FileWatch

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "correct-horse-battery-staple"
GOOD = f"""
[[tokens]]
name = "training"
project = "digits"
token = "{SECRET}"
instrumentation_key = " AAAA-bbbb "

[[tokens]]
name = "dashboards"
project = "*"
role = "read"
token_sha256 = "{digest("another-secret-token").hex()}"

[[projects]]
name = "digits"
bytes_per_s = 1000
"""


def load(tmp_path: Path, text: str | bytes | None = None, **given: str) -> Doors:
    file = None
    if text is not None:
        file = tmp_path / "tokens.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_doors(Settings(tmp_path, "", tokens_file=file, **given))  # type: ignore[arg-type]


def test_a_file_holds_tokens_keys_and_quotas(tmp_path: Path) -> None:
    doors = load(tmp_path, GOOD)

    assert doors.credentials.tokens == (
        Token("training", "digits", "write", digest(SECRET)),
        Token("dashboards", "*", "read", digest("another-secret-token")),
    )
    assert doors.credentials.keys == (Token("training", "digits", "write", digest("aaaa-bbbb")),)
    assert doors.quotas == {"digits": Quota(1000, 0)}


def test_a_project_may_have_ids_by_which_query_clients_know_it(tmp_path: Path) -> None:
    text = GOOD + 'ids = ["AAAA-workspace", "/subscriptions/S/components/App"]\n'

    doors = load(tmp_path, text + '[[projects]]\nname = "other"\nids = ["bbbb"]\n')

    assert doors.credentials.ids == {
        "aaaa-workspace": "digits",
        "subscriptions/s/components/app": "digits",
        "bbbb": "other",
    }
    assert doors.quotas == {"digits": Quota(1000, 0)}  # "other" keeps what holds for everyone


def test_two_environment_variables_are_enough(tmp_path: Path) -> None:
    doors = load(tmp_path, write_token=SECRET, read_token=SECRET + "2")

    assert [(one.project, one.role) for one in doors.credentials.tokens] == [
        ("default", "write"),
        ("*", "read"),
    ]


def token(**fields: str) -> str:
    fields = {"name": "one", "project": "p", "token": SECRET, **fields}
    return "[[tokens]]\n" + "".join(f'{key} = "{text}"\n' for key, text in fields.items() if text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no [[tokens]]: nobody could write or read"),
        ("tokens = 3", "must have tokens as a list of tables, write [[tokens]]"),
        ("[[tokens]\nx", "is not TOML (at line 1, column 9)"),
        (b"\xff", "is not UTF-8 at byte 0"),
        (token(name=""), 'has in token 1 no "name"'),
        (token(project=""), 'has in token "one" no "project"'),
        (token(role="admin"), 'a "role" that is neither "write" nor "read"'),
        (token(project="*"), 'project "*" with role "write"'),
        (token(token=""), 'none of "token", "token_sha256" and "instrumentation_key"'),
        (token(token="short"), "must have at least 16 characters, has 5"),
        (token(token=SECRET + " x"), "printable ASCII text without spaces"),
        (token(token_sha256="00" * 32), 'both "token" and "token_sha256"'),
        (token(token="", token_sha256="zz" * 32), "that is not 64 hex digits"),
        (token(rol="read"), 'an unknown field "rol": did you mean "role"?'),
        (token() + token(name="two"), '"one" and "two" have the same token'),
        (token() + '[[projects]]\nname = "p"\nbytes_per_s = -1\n', "a rate that is no whole"),
        (token() + '[[projects]]\nname = "p"\nids = "one"\n', '"ids" that are no list of texts'),
        (
            token()
            + '[[projects]]\nname = "p"\nids = ["X"]\n[[projects]]\nname = "q"\nids = ["x"]',
            'in project 2 the id "x", which "p" has',
        ),
    ],
)
def test_a_bad_file_is_refused_without_showing_a_token(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    said = "\n".join(caught.value.problems)
    assert says in said
    assert SECRET not in said
    assert "short" not in said


def test_a_token_in_a_broken_line_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f'[[tokens]]\ntoken = "{SECRET}')

    assert SECRET not in str(caught.value)


def test_settings_do_not_show_their_tokens(tmp_path: Path) -> None:
    assert SECRET not in repr(Settings(tmp_path, "", write_token=SECRET, read_token=SECRET))


def test_a_changed_file_is_read_again_and_a_bad_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(GOOD)
    settings = Settings(tmp_path, "", tokens_file=file)
    loaded: list[Doors] = []

    async def scenario() -> list[bool]:
        watch = FileWatch("The tokens file", [file], lambda: loaded.append(load_doors(settings)))
        seen = [await watch.check()]
        file.write_text(GOOD + token(name="new", token=SECRET + "3"))
        seen.append(await watch.check())
        file.write_text(token(token="too-short"))
        seen.append(await watch.check())
        file.unlink()
        seen.append(await watch.check())
        return seen

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(scenario()) == [False, True, False, False]
    assert [len(doors.credentials.tokens) for doors in loaded] == [3]
    assert "not read again, what was in use stays" in caplog.text
    assert "too-short" not in caplog.text
