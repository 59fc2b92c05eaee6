"""Secrets in arguments and variables."""

from __future__ import annotations

import pytest

from stepsight._redact import Redactor
from stepsight._settings import load_settings
from stepsight.errors import ConfigError

REDACTOR = Redactor.of(load_settings({}, {}))
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"

TEXTS = {
    "postgresql://me:p%40ss@db:5432/x": "postgresql://me:***@db:5432/x",
    "https://ghp_0123456789abcdefghij0123@github.com/a/b": "https://***@github.com/a/b",
    "git@github.com:a/b.git": "git@github.com:a/b.git",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=q+8/w==;EndpointSuffix=x": (
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=***;EndpointSuffix=x"
    ),
    "InstrumentationKey=0000-11;IngestionEndpoint=https://x/": (
        "InstrumentationKey=***;IngestionEndpoint=https://x/"
    ),
    "Server=db;Database=x;User Id=me;Password=hunter2;": (
        "Server=db;Database=x;User Id=me;Password=***;"
    ),
    "https://a.blob.core.windows.net/c?sv=2022&sig=abc%3D&se=1": (
        "https://a.blob.core.windows.net/c?sv=2022&sig=***&se=1"
    ),
    "s3 AKIAIOSFODNN7EXAMPLE end": "s3 *** end",
    f"Authorization: Bearer {JWT}": "Authorization: Bearer ***",
    f"x {JWT} y": "x *** y",
    "hf_abcdefghijABCDEFGHIJ0123": "***",
    "sk-proj-abcdefghijABCDEFGHIJ": "***",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest": "***\nrest",
    "learning rate 0.1, token count 5, /data/key.csv": (
        "learning rate 0.1, token count 5, /data/key.csv"
    ),
}


@pytest.mark.parametrize("text", TEXTS)
def test_secrets_are_known_by_their_look(text: str) -> None:
    assert REDACTOR.text(text) == TEXTS[text]


@pytest.mark.parametrize(
    "name",
    [
        *("HF_TOKEN", "AZURE_STORAGE_CONNECTION_STRING", "AWS_SECRET_ACCESS_KEY", "dbPassword"),
        *("OPENAI_API_KEY", "WANDB_API_KEY", "SNOWFLAKE_PWD", "SENTRY_DSN", "PGPASSWORD"),
        *("AZURE_CLIENT_SECRET", "X-Api-Key", "AccountKey", "BASIC_AUTH", "session-cookie"),
    ],
)
def test_secrets_are_known_by_their_name(name: str) -> None:
    assert REDACTOR.is_secret(name)


@pytest.mark.parametrize(
    "name", ["tokenizer", "MAX_TOKENS", "author", "monkey", "KEYBOARD", "passes", "sasquatch", "lr"]
)
def test_words_that_only_look_like_secrets_are_none(name: str) -> None:
    assert not REDACTOR.is_secret(name)


def test_a_command_line_loses_its_secrets_only() -> None:
    command = (
        "train.py --lr 0.1 --password hunter2 --hf-token=abc --verbose --api-key --dry-run"
        " DB_PASSWORD=x --url=https://u:p@h/ --tokenizer bert"
    )

    assert REDACTOR.command_line(command.split()) == (
        "train.py --lr 0.1 --password *** --hf-token=*** --verbose --api-key --dry-run"
        " DB_PASSWORD=*** --url=https://u:***@h/ --tokenizer bert"
    )


def test_names_and_values_are_settings() -> None:
    settings = load_settings({"redact_names": "pin", "redact_values": r"\bEMP-\d+"}, {})
    redactor = Redactor.of(settings)

    assert redactor.arguments(["--pin=1", "--password=2", "EMP-77", "a=EMP-7"]) == [
        "--pin=***",
        "--password=2",
        "***",
        "a=***",
    ]


def test_a_broken_pattern_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match=r'STEPSIGHT_REDACT_VALUES must be .*got "\("'):
        load_settings({}, {"STEPSIGHT_REDACT_VALUES": "("})
