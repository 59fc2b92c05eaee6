"""What a run records: metrics, images, documents, tags, properties and files.

The half of the run object that sends; who the run is and how it ends is in _run.py. A base class
because azureml.core's Run has more methods than one module holds.
"""

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Any

from stepsight import _state
from stepsight._client import guarded
from stepsight._series import Series, as_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stepsight._artifacts import Content

__all__ = ["Recorder"]


class Recorder:
    """Records for one run; `dimensions` are what tells its records from others of the process.

    Methods return at once and never raise; wrong use is counted and said on stderr.
    """

    def __init__(self, dimensions: dict[str, str]) -> None:
        self._dimensions = dimensions
        self._series = Series()
        self._tags: dict[str, str | None] = {}
        self._properties: dict[str, str] = {}
        self._files: list[str] = []

    @property
    def tags(self) -> dict[str, str | None]:
        """Tags set in this process."""
        return dict(self._tags)

    def get_tags(self) -> dict[str, str | None]:
        """Tags set in this process."""
        return self.tags

    @property
    def properties(self) -> dict[str, str]:
        """Properties added in this process."""
        return dict(self._properties)

    def get_properties(self) -> dict[str, str]:
        """Properties added in this process."""
        return self.properties

    @guarded
    def log(self, name: str, value: Any, description: str = "", step: int | None = None) -> None:
        """Record one value of a metric: a number, or a text. A list is taken as by log_list.

        `step` is its position, by default one more than the last; NaN and infinities are kept.
        """
        if isinstance(value, (list, tuple, range, GeneratorType)):
            self.log_list(name, value, description)
            return
        self._record(name, value, kind="scalar", index=step, description=description)

    @guarded
    def log_list(self, name: str, value: Iterable[Any], description: str = "") -> None:
        """Record a list of values as successive points of one metric."""
        for item in value:
            self._record(name, item, kind="list", description=description)

    @guarded
    def log_row(self, name: str, description: str = "", **kwargs: Any) -> None:
        """Record a row: one value for each column given as keyword."""
        index = self._series.place(name)
        for column, value in kwargs.items():
            self._record(
                name, value, kind="row", column=column, index=index, description=description
            )

    @guarded
    def log_table(self, name: str, value: Mapping[str, Any], description: str = "") -> None:
        """Record a table: a dict of columns, each a list of values or a single one."""
        for column, items in value.items():
            cells = (
                items if isinstance(items, (list, tuple)) or hasattr(items, "tolist") else [items]
            )
            for index, item in enumerate(cells):
                self._record(
                    name, item, kind="table", column=column, index=index, description=description
                )

    @guarded
    def log_image(
        self, name: str, path: Any = None, plot: Any = None, description: str = ""
    ) -> None:
        """Record an image: the path of a file, its bytes or stream, or a plot with savefig()."""
        from stepsight._artifacts import image_of

        self._artifact("image", name, image_of(path, plot), description)

    @guarded
    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        """Record a confusion matrix: a JSON document with schema_type, schema_version, data."""
        self._document("confusion_matrix", name, value, description)

    @guarded
    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        """Record an accuracy table, as log_confusion_matrix does."""
        self._document("accuracy_table", name, value, description)

    @guarded
    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        """Record residuals, as log_confusion_matrix does."""
        self._document("residuals", name, value, description)

    @guarded
    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        """Record predictions, as log_confusion_matrix does."""
        self._document("predictions", name, value, description)

    @guarded
    def tag(self, key: str, value: Any = None) -> None:
        """Set a tag of the run; the last value counts."""
        self._tags[key] = None if value is None else str(value)
        self._pair("tag", key, "" if value is None else str(value))

    @guarded
    def set_tags(self, tags: Mapping[str, Any] | str) -> None:
        """Set several tags, or one without a value."""
        for key, value in {tags: None}.items() if isinstance(tags, str) else tags.items():
            self.tag(key, value)

    @guarded
    def remove_tags(self, tags: Sequence[str]) -> None:
        """Remove tags: what stays recorded is an empty value."""
        for key in [tags] if isinstance(tags, str) else tags:
            self._tags.pop(key, None)
            self._pair("tag", key, "")

    @guarded
    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add properties; they cannot be changed, so the first value of a key stays."""
        for key, value in (properties or {}).items():
            if key not in self._properties:
                self._properties[key] = str(value)
                self._pair("property", key, str(value))

    @guarded
    def log_parameter(self, key: str, value: Any) -> None:
        """Record a parameter: what the run was started with, not what it found."""
        self._pair("parameter", key, str(value))

    @guarded
    def upload_file(
        self,
        name: str,
        path_or_stream: Any,
        datastore_name: str | None = None,  # noqa: ARG002 - azureml.core has it
    ) -> None:
        """Record a file: name, size and SHA-256. The content stays where it is."""
        from stepsight._artifacts import send_file

        client = _state.ensure()
        if client is not None:
            send_file(client, name, path_or_stream, self._dimensions)
        self._files.append(name)

    @guarded
    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[Any],
        return_artifacts: bool = False,  # noqa: ARG002 - azureml.core has it
        timeout_seconds: int | None = None,  # noqa: ARG002 - the same
        datastore_name: str | None = None,
    ) -> None:
        """Record several files, as upload_file does."""
        if isinstance(names, str) or len(names) != len(paths):
            raise TypeError("upload_files: names and paths must be lists of equal length")
        for name, path in zip(names, paths, strict=True):
            self.upload_file(name, path, datastore_name)

    @guarded
    def upload_folder(self, name: str, path: Any, datastore_name: str | None = None) -> None:  # noqa: ARG002
        """Record every file below a folder, as upload_file does, under names `name/…`."""
        from stepsight._artifacts import send_folder

        client = _state.ensure()
        if client is not None:
            self._files += send_folder(client, name, path, self._dimensions)

    def get_file_names(self) -> list[str]:
        """Names of the files recorded by this process."""
        return list(self._files)

    def _document(self, kind: str, name: str, value: Any, description: str) -> None:
        from stepsight._artifacts import document_of

        self._artifact(kind, name, document_of(value), description)

    def _artifact(self, kind: str, name: str, content: Content, description: str) -> None:
        from stepsight._artifacts import send

        client = _state.ensure()
        index = self._series.place(name)
        self._series.keep(name, "", f"stepsight://artifact/{name}")
        if client is not None:
            said = {"stepsight.artifact.description": description} if description else {}
            more = {"stepsight.artifact.index": index, **said, **self._dimensions}
            send(client, kind, name, content, more)

    def _pair(self, what: str, key: str, value: str) -> None:
        client = _state.ensure()
        if client is not None:
            attributes = {f"stepsight.{what}.key": key, f"stepsight.{what}.value": value}
            body = f"{what} {key} = {value}"
            client.event(f"stepsight.run.{what}", body, {**attributes, **self._dimensions})

    def _record(
        self,
        name: str,
        value: Any,
        *,
        kind: str,
        column: str = "",
        index: int | None = None,
        description: str = "",
    ) -> None:
        client = _state.ensure()
        number, text = as_number(value)
        index = self._series.place(name, column, index)
        self._series.keep(name, column, text if number is None else number)
        if client is not None:
            point = _point(kind, column, index, text, description)
            client.metric(name, number, {**point, **self._dimensions})


def _point(kind: str, column: str, index: int, text: str, description: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {"stepsight.metric.index": index, "stepsight.metric.kind": kind}
    if column:
        attributes["stepsight.metric.column"] = column
    if text:
        attributes["stepsight.metric.text"] = text
    if description:
        attributes["stepsight.metric.description"] = description
    return attributes
