from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest

from stepsight._marks import Marker, Marks
from stepsight._stdio import MAX_LINE_CHARS, LineAssembler, LineCapture, Tee, visible

if TYPE_CHECKING:
    from collections.abc import Iterator


def lines_of(*pieces: str, finish: bool = True) -> list[str]:
    lines: list[str] = []
    assembler = LineAssembler(lines.append)
    for piece in pieces:
        assembler.feed(piece)
    if finish:
        assembler.finish()
    return lines


def test_pieces_become_lines() -> None:
    assert lines_of("a", "b\nc", "\n\n  \nd") == ["ab", "c", "d"]


def test_a_progress_bar_is_one_line_in_its_last_state() -> None:
    steps = [f"\r{step} %" for step in range(101)]

    assert lines_of(*steps, "\n") == ["100 %"]


def test_windows_line_ends_are_line_ends() -> None:
    assert lines_of("a\r\nb\r\n") == ["a", "b"]


def test_a_carriage_return_at_the_end_of_a_piece_waits_for_what_follows() -> None:
    assert lines_of("a\r", "\n") == ["a"]
    assert lines_of("a\r", "b\n") == ["b"]


def test_escape_sequences_are_removed() -> None:
    assert visible("\x1b[1;31mred\x1b[0m \x1b]0;title\x07end") == "red end"


def test_a_very_long_line_comes_in_marked_parts() -> None:
    text = "x" * (2 * MAX_LINE_CHARS)

    lines = lines_of(text[:-1], text[-1], "\n")

    assert [len(line) for line in lines[:-1]] == [MAX_LINE_CHARS] * 2
    assert [line[-1] for line in lines] == ["…", "…", "x"]
    assert "".join(line.rstrip("…") for line in lines) == text


def test_a_progress_bar_without_end_takes_no_memory() -> None:
    assembler = LineAssembler(lambda _line: None)
    for _ in range(10_000):
        assembler.feed("\r" + "#" * 100)

    assert sum(map(len, assembler._parts)) < 1000


@pytest.fixture
def handler() -> Iterator[logging.StreamHandler[Any]]:
    made: logging.StreamHandler[Any] = logging.StreamHandler()
    logger = logging.getLogger("tests.stdio")
    logger.propagate = False
    logger.addHandler(made)
    yield made
    logger.removeHandler(made)


def test_a_log_record_is_not_captured_as_a_line_too(
    handler: logging.StreamHandler[Any],
) -> None:
    lines: list[str] = []
    records: list[str] = []

    def on_record(record: logging.LogRecord) -> bool:
        records.append(record.getMessage())
        return True

    console = io.StringIO()
    tee = Tee(console, LineCapture(lines.append, on_record))
    handler.stream = tee
    logging.getLogger("tests.stdio").warning("from logging")
    tee.write("from print\n")

    assert (lines, records) == (["from print"], ["from logging"])
    assert console.getvalue() == "from logging\nfrom print\n"


def test_a_record_that_nobody_records_is_captured_as_a_line(
    handler: logging.StreamHandler[Any],
) -> None:
    lines: list[str] = []
    handler.stream = Tee(io.StringIO(), LineCapture(lines.append, lambda _record: False))
    logging.getLogger("tests.stdio").warning("from logging")

    assert lines == ["from logging"]


def test_bytes_written_to_the_buffer_are_captured() -> None:
    lines: list[str] = []
    raw = io.BytesIO()
    tee = Tee(io.TextIOWrapper(raw, "utf-8"), LineCapture(lines.append, lambda _record: False))
    data = "größe\n".encode()
    for index in range(len(data)):
        tee.buffer.write(data[index : index + 1])
    tee.buffer.write(b"\xff\xfe\n")
    tee.buffer.flush()

    assert lines == ["größe", "��"]
    assert raw.getvalue() == data + b"\xff\xfe\n"


def test_a_print_does_not_fail_because_a_capture_does(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_line: str) -> None:
        raise RuntimeError("no")

    console = io.StringIO()
    Tee(console, LineCapture(broken, lambda _record: False)).write("a\n")

    assert console.getvalue() == "a\n"


def test_a_capture_that_prints_does_not_capture_itself() -> None:
    lines: list[str] = []
    console = io.StringIO()

    def emit(line: str) -> None:
        lines.append(line)
        tee.write("again\n")

    tee = Tee(console, LineCapture(emit, lambda _record: False))
    tee.write("once\n")

    assert (lines, console.getvalue()) == (["once"], "once\nagain\n")


def test_a_tee_is_its_stream_in_everything_else() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "latin-1")
    tee = Tee(stream, LineCapture(lambda _line: None, lambda _record: False))

    assert (tee.encoding, tee.writable()) == ("latin-1", True)


def test_a_marked_line_is_left_out_once(handler: logging.StreamHandler[Any]) -> None:
    with Marks() as marks:
        marker = Marker.open(str(marks.path), lambda _record: True)
        assert marker is not None
        handler.stream = Tee(io.StringIO(), marker)
        logging.getLogger("tests.stdio").warning("two\nlines")
        marks.read()
        taken = [marks.take(line) for line in ("two", "lines", "two", "other")]

    assert taken == [True, True, False, False]


def test_a_step_whose_supervisor_is_gone_marks_nothing() -> None:
    with Marks() as marks:
        path = str(marks.path)

    assert Marker.open(path, lambda _record: True) is None


def test_a_full_pipe_does_not_stop_the_step() -> None:
    record = logging.LogRecord("x", 20, "", 0, "x" * 100, (), None)
    with Marks() as marks:
        marker = Marker.open(str(marks.path), lambda _record: True)
        assert marker is not None
        for _ in range(20_000):  # more than the 64 KiB that the pipe holds
            marker.take(record, "line\n")
        marks.read()

        assert marks.take("line")


def test_python_does_not_lose_its_own_streams() -> None:
    assert not isinstance(sys.stdout, Tee)
