"""Use of NVIDIA GPUs, through nvidia-ml-py where it is installed and a GPU is there.

The module is imported only if a device of the driver exists, and only on the sampling thread: its
first call may take a second, and any call may hang with a sick driver.
"""

from __future__ import annotations

import os
from typing import Any

__all__ = ["Gpus"]

_DEVICES = ("/dev/nvidiactl", "/dev/dxg")


class Gpus:
    """Asks the driver; after a failure of the library itself it is not asked again."""

    def __init__(self, devices: tuple[str, ...] = _DEVICES) -> None:
        self._devices = devices
        self._nvml: Any = None
        self._handles: list[Any] = []
        self._is_given_up = False

    def use(self) -> dict[str, Any]:
        """Ratio of time and bytes of memory of each GPU, in the driver's order; empty if none."""
        if self._is_given_up:
            return {}
        try:
            if self._nvml is None and not self._open():
                self._is_given_up = True
                return {}
            return self._ask()
        except Exception:  # noqa: BLE001 - whatever the driver's library raises
            self._is_given_up = True
            return {}

    def _open(self) -> bool:
        if not any(os.path.exists(device) for device in self._devices):  # noqa: PTH110 - no pathlib
            return False
        try:
            import pynvml
        except ImportError:
            return False
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        self._nvml = pynvml
        return bool(self._handles)

    def _ask(self) -> dict[str, Any]:
        nvml = self._nvml
        memory = [nvml.nvmlDeviceGetMemoryInfo(handle) for handle in self._handles]
        use: dict[str, Any] = {
            "hw.gpu.memory.usage": [int(each.used) for each in memory],
            "hw.gpu.memory.limit": [int(each.total) for each in memory],
            "hw.gpu.model": [_text(nvml.nvmlDeviceGetName(handle)) for handle in self._handles],
        }
        try:
            rates = [nvml.nvmlDeviceGetUtilizationRates(handle) for handle in self._handles]
        except nvml.NVMLError:  # not told of a part of a GPU (MIG)
            return use
        return {"hw.gpu.utilization": [rate.gpu / 100 for rate in rates], **use}


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
