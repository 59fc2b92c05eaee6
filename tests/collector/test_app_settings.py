from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from stepsight_collector.errors import ConfigError, LockedError, PortInUseError
from stepsight_collector.lock import data_dir_lock
from stepsight_collector.receivers.serving import bind
from stepsight_collector.settings import ROWS, Settings, is_loopback, load_settings

if TYPE_CHECKING:
    from pathlib import Path


def load(
    tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, **overrides: object
) -> Settings:
    file = tmp_path / "stepsight.toml"
    file.write_text(text)
    return load_settings(overrides, {"HOME": "/h", **(environ or {})}, file)


def problems(tmp_path: Path, text: str = "", **given: object) -> list[str]:
    environ = given.pop("environ", {})
    assert isinstance(environ, dict)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, environ, **given)
    return caught.value.problems


def test_argument_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    text = "[collector]\nhttp_port = 1\nui_port = 1\ngrpc_port = 1\n"
    environ = {"STEPSIGHT_HTTP_PORT": "2", "STEPSIGHT_UI_PORT": "2"}

    settings = load(tmp_path, text, environ, http_port="3", host=None)

    assert (settings.http_port, settings.ui_port, settings.grpc_port) == (3, 2, 1)
    assert settings.host == "127.0.0.1"


def test_data_and_store_default_to_the_users_data_directory(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"XDG_DATA_HOME": "/data"})

    assert str(settings.data_dir) == "/data/stepsight"
    assert settings.store == "chdb:///data/stepsight/store"


def test_grpc_can_be_off_and_a_switch_can_be_in_the_environment(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"STEPSIGHT_INSECURE": "yes"}, grpc_port="off", host="::")

    assert (settings.grpc_port, settings.insecure, settings.host) == (None, True, "::")


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    text = "[collector]\nhtp_port = 1\nwal_quota_bytes = -1\n"

    found = problems(tmp_path, text, environ={"STEPSIGHT_UI_PORT": "lots"}, host="0.0.0.0")  # noqa: S104

    file = tmp_path / "stepsight.toml"
    assert found == [
        f'{file}: unknown setting "htp_port" in [collector]. Did you mean "http_port"?',
        "STEPSIGHT_UI_PORT must be a port from 0 to 65535, got 'lots'. Leave it out to use 8050.",
        (
            f"wal_quota_bytes in {file} must be a whole number of at least 1, got -1. "
            "Leave it out to use 4294967296."
        ),
        (
            "--host 0.0.0.0 would let every machine that reaches this one read and write "
            "telemetry. Set up tokens (--tokens-file, or STEPSIGHT_WRITE_TOKEN and "
            "STEPSIGHT_READ_TOKEN), listen on 127.0.0.1, or add --insecure if the network is "
            "trusted."
        ),
    ]


@pytest.mark.parametrize("text", ["not toml", "collector = 3"])
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, text: str) -> None:
    assert len(problems(tmp_path, text)) == 1


def test_every_row_is_a_setting_with_the_same_default() -> None:
    assert sorted(row.name for row in ROWS) == sorted(one.name for one in fields(Settings))
    defaults = {one.name: one.default for one in fields(Settings)}
    for row in ROWS:
        if row.default is not None:
            assert defaults[row.name] == row.default


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("10.0.0.1", False), ("box", False)],
)
def test_only_loopback_needs_no_consent(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_second_holder_of_a_data_directory_is_told_who_has_it(tmp_path: Path) -> None:
    with (
        data_dir_lock(tmp_path / "d"),
        pytest.raises(LockedError, match=rf"process {os.getpid()}\) works in {tmp_path}"),
        data_dir_lock(tmp_path / "d"),
    ):
        pass

    with data_dir_lock(tmp_path / "d"):
        pass


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d").touch()

    with (
        pytest.raises(ConfigError, match="Choose another with --data"),
        data_dir_lock(tmp_path / "d"),
    ):
        pass


def test_a_port_in_use_is_named_with_its_flag() -> None:
    with bind("127.0.0.1", 0, "The UI", "--ui-port") as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortInUseError, match=rf"The UI .*:{port}: .* with --ui-port"):
            bind("127.0.0.1", port, "The UI", "--ui-port")
