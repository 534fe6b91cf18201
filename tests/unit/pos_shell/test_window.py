"""A till whose window cannot open goes on in a browser, instead of ending."""

from __future__ import annotations

import pytest

from pos_shell.run import window_opens


def test_a_display_that_does_not_answer_opens_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":9999")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    assert not window_opens()
