from __future__ import annotations

import base64
import hmac
from dataclasses import replace

import pytest

from stepsight_collector.access import Access, Credentials, Reader, Token, digest
from stepsight_collector.errors import AccessError, ForbiddenError

WRITE, READ, ALL = "write-token-of-a", "read-token-of-a-", "read-token-of-all"
KEY = "11111111-2222-3333-4444-555555555555"
CREDENTIALS = Credentials(
    tokens=(
        Token("writer", "a", "write", digest(WRITE)),
        Token("reader", "a", "read", digest(READ)),
        Token("admin", "*", "read", digest(ALL)),
    ),
    keys=(Token("insights", "b", "write", digest(KEY)),),
)


def bearer(token: str) -> str:
    return f"Bearer {token}"


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{token}".encode()).decode()


def test_without_credentials_everyone_writes_and_reads() -> None:
    access = Access()

    assert access.is_open
    assert access.project_for_write() == "default"
    assert access.project_for_write("Bearer nonsense", "any-key") == "default"
    assert access.may_read() == Reader("*")


@pytest.mark.parametrize("header", [bearer(WRITE), f"bearer  {WRITE} ", basic(WRITE)])
def test_a_write_token_leads_to_its_project(header: str) -> None:
    assert Access(CREDENTIALS).project_for_write(header) == "a"


@pytest.mark.parametrize("key", [KEY, KEY.upper()])
def test_an_instrumentation_key_leads_to_its_project(key: str) -> None:
    assert Access(CREDENTIALS).project_for_write(instrumentation_key=key) == "b"


def test_a_known_token_goes_before_the_key_and_a_foreign_one_does_not_harm_it() -> None:
    access = Access(CREDENTIALS)

    assert access.project_for_write(bearer(WRITE), KEY) == "a"
    assert access.project_for_write(bearer("token-of-somebody-else"), KEY) == "b"


@pytest.mark.parametrize(
    ("header", "key", "says"),
    [
        (None, None, "Writing needs a token"),
        ("", None, "Writing needs a token"),
        ("Basic !", None, "Writing needs a token"),
        ("Digest x", None, "Writing needs a token"),
        (bearer("unknown-unknown-unknown"), None, "token is not known here"),
        (None, "00000000-0000-0000-0000-000000000000", "instrumentation key is not known"),
        (bearer(KEY), None, "token is not known here"),
        (None, WRITE, "instrumentation key is not known"),
    ],
)
def test_who_is_not_known_does_not_write(header: str | None, key: str | None, says: str) -> None:
    with pytest.raises(AccessError, match=says) as caught:
        Access(CREDENTIALS).project_for_write(header, key)

    assert not isinstance(caught.value, ForbiddenError)
    for secret in (header, key):
        assert not secret or len(secret) < 10 or secret not in str(caught.value)


def test_unknown_keys_write_to_the_default_project_if_that_is_set() -> None:
    access = Access(Credentials(CREDENTIALS.tokens, CREDENTIALS.keys, accepts_unknown_keys=True))

    assert access.project_for_write(instrumentation_key="any") == "default"
    assert access.project_for_write(instrumentation_key=KEY) == "b"
    with pytest.raises(AccessError):
        access.project_for_write("Bearer unknown-unknown")


def test_each_token_is_for_one_thing() -> None:
    access = Access(CREDENTIALS)

    with pytest.raises(ForbiddenError, match='"reader" may read, not write'):
        access.project_for_write(bearer(READ))
    with pytest.raises(ForbiddenError, match='"writer" may write, not read'):
        access.may_read(bearer(WRITE))
    with pytest.raises(AccessError, match="needs a read token"):
        access.may_read()
    with pytest.raises(AccessError, match="not known here"):
        access.may_read(bearer("unknown"))


def test_a_reader_sees_one_project_or_chooses_among_all() -> None:
    access = Access(CREDENTIALS)
    one, everything = access.may_read(bearer(READ)), access.may_read(basic(ALL))

    assert (one.choose(), one.choose("a"), one.sees_all) == ("a", "a", False)
    assert (everything.choose(), everything.choose("b")) == ("default", "b")
    with pytest.raises(ForbiddenError, match='the project "a", not "b"'):
        one.choose("b")


def test_every_token_is_compared_also_after_one_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    real = hmac.compare_digest

    def record(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr("stepsight_collector.access.hmac.compare_digest", record)

    Access(CREDENTIALS).project_for_write(bearer(WRITE))

    assert compared == [token.digest for token in CREDENTIALS.tokens]


@pytest.mark.parametrize("header", [bearer(WRITE), basic(WRITE)])
def test_a_header_that_was_let_in_is_known_again_and_only_it(header: str) -> None:
    access = Access(CREDENTIALS)

    assert [access.project_for_write(header) for _ in range(3)] == ["a", "a", "a"]
    for other in (header[:-1], header + "x", "", bearer("x"), None):
        with pytest.raises(AccessError):
            access.project_for_write(other)
    with pytest.raises(ForbiddenError):
        access.may_read(header)


def test_no_header_that_was_let_in_stays_in_memory() -> None:
    access = Access(CREDENTIALS)
    access.project_for_write(bearer(WRITE))

    assert WRITE not in repr(vars(access))


def test_replaced_credentials_hold_at_once() -> None:
    access = Access(CREDENTIALS)
    assert [access.project_for_write(bearer(WRITE)) for _ in range(2)] == ["a", "a"]

    access.replace(Credentials((Token("writer", "c", "write", digest("a-new-token")),)))

    assert access.project_for_write(bearer("a-new-token")) == "c"
    with pytest.raises(AccessError):
        access.project_for_write(bearer(WRITE))


@pytest.mark.parametrize(
    ("name", "project"),
    [("a", "a"), ("B", "b"), (KEY.upper(), "b"), ("WS-1", "a"), ("default", "default"),
     ("stepsight", "stepsight"), ("/subscriptions/s/components/b", "b"),
     ("/Subscriptions/S/workspaces/b", "a")],
)  # fmt: skip
def test_an_id_of_a_query_client_leads_to_a_project(name: str, project: str) -> None:
    access = Access(replace(CREDENTIALS, ids={"ws-1": "a", "subscriptions/s/workspaces/b": "a"}))

    assert access.project_of_id(Reader("*"), name) == project


@pytest.mark.parametrize("name", ["b", KEY, "unknown"])
def test_a_reader_is_not_told_whether_a_foreign_id_is_there(name: str) -> None:
    with pytest.raises(ForbiddenError, match=r"may not read .*, or nothing here has this id"):
        Access(CREDENTIALS).project_of_id(Reader("a"), name)


def test_where_writers_need_no_key_any_id_is_the_default_project() -> None:
    assert Access().project_of_id(Reader("*"), "any-workspace") == "default"
    assert Access().project_of_id(Reader("*"), "stepsight") == "stepsight"
    lenient = Access(replace(CREDENTIALS, accepts_unknown_keys=True))
    assert lenient.project_of_id(Reader("*"), "any-workspace") == "default"
    with pytest.raises(ForbiddenError):
        lenient.project_of_id(Reader("a"), "any-workspace")
