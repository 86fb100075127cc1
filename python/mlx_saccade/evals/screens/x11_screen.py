"""A program for the system's Python: it captures a display of X11, lists its windows, and sends keys and clicks.

Captures come from XGetImage: `xwd -root` leaves menus black. As `atspi_dump`, it imports nothing of the package, and
answers lines of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

# The rows of one request, whose answer has a limit.
ROWS = 120
MAXIMIZED = ("_NET_WM_STATE_MAXIMIZED_VERT", "_NET_WM_STATE_MAXIMIZED_HORZ")


class Screen:
    """The first screen of the display that DISPLAY names."""

    def __init__(self) -> None:
        """Connect to the display."""
        from Xlib import XK, X, display  # type: ignore[import-untyped, import-not-found, unused-ignore]
        from Xlib.ext import xtest  # type: ignore[import-untyped, import-not-found, unused-ignore]
        from Xlib.protocol import event  # type: ignore[import-untyped, import-not-found, unused-ignore]

        self.x, self.xk, self.xtest, self.event = X, XK, xtest, event
        self.display = display.Display()
        self.root = self.display.screen().root

    def _atom(self, name: str) -> int:
        return int(self.display.intern_atom(name))

    def set_bus(self, address: str) -> None:
        """Put the address of the accessibility bus on the root window, where Qt looks for it."""
        self.root.change_property(self._atom("AT_SPI_BUS"), self._atom("STRING"), 8, address.encode())
        self.display.sync()

    def has_manager(self) -> bool:
        """Return True if a window manager is at work."""
        return self.root.get_full_property(self._atom("_NET_SUPPORTING_WM_CHECK"), self.x.AnyPropertyType) is not None

    def paint_root(self, color: int) -> None:
        """Paint the background of the desktop in one color, 0xRRGGBB."""
        self.root.change_attributes(background_pixel=color)
        self.root.clear_area()
        self.display.sync()

    def capture(self, path: str) -> list[int]:
        """Write the screen's pixels to a file, rows of blue, green, red and an unused byte; return width and height."""
        size = self.root.get_geometry()
        with Path(path).open("wb") as stream:
            for y in range(0, size.height, ROWS):
                rows = min(ROWS, size.height - y)
                stream.write(self.root.get_image(0, y, size.width, rows, self.x.ZPixmap, 0xFFFFFFFF).data)
        return [size.width, size.height]

    def windows(self) -> list[dict[str, Any]]:
        """Return the mapped windows on the root, the lowest first.

        `box` is x, y, width and height with the frame of the window manager, `client` without it. `managed` is False
        for menus, tooltips and other windows that no manager has framed.
        """
        rows = []
        for window in self.root.query_tree().children:
            try:
                attributes, box = window.get_attributes(), window.get_geometry()
                if attributes.map_state != self.x.IsViewable or attributes.win_class == self.x.InputOnly:
                    continue
                client = self._client(window)
                row = {"box": [box.x, box.y, box.width, box.height], "managed": client is not None}
                if client is not None:
                    inner, corner = client.get_geometry(), client.translate_coords(self.root, 0, 0)
                    row["client"] = [-corner.x, -corner.y, inner.width, inner.height]
                    row["id"], row["title"] = client.id, self._title(client)
            except Exception:  # the window is gone
                continue
            rows.append(row)
        return rows

    def _client(self, window: Any) -> Any:
        """Return the program's own window inside a frame, or None for a window without a frame."""
        waiting = [window]
        while waiting:
            one = waiting.pop(0)
            if one.get_full_property(self._atom("WM_STATE"), self.x.AnyPropertyType) is not None:
                return one
            waiting += one.query_tree().children
        return None

    def _title(self, window: Any) -> str:
        for name in ("_NET_WM_NAME", "WM_NAME"):
            value = window.get_full_property(self._atom(name), self.x.AnyPropertyType)
            if value is not None:
                raw = value.value
                return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        return ""

    def _ask(self, window: int, message: str, *values: int) -> None:
        """Send a request to the window manager."""
        data = (32, [*values, *[0] * (5 - len(values))])
        target = self.display.create_resource_object("window", window)
        event = self.event.ClientMessage(window=target, client_type=self._atom(message), data=data)
        self.root.send_event(event, event_mask=self.x.SubstructureRedirectMask | self.x.SubstructureNotifyMask)
        self.display.sync()

    def maximize(self, window: int) -> None:
        """Maximize a window."""
        self._ask(window, "_NET_WM_STATE", 1, *map(self._atom, MAXIMIZED), 1)

    def close(self, window: int) -> None:
        """Ask a window to close, as its button in the title bar does."""
        self._ask(window, "_NET_CLOSE_WINDOW", 0, 1)

    def activate(self, window: int) -> None:
        """Raise a window and give it the keyboard."""
        self._ask(window, "_NET_ACTIVE_WINDOW", 1)

    def press(self, keys: str) -> None:
        """Press keys together, such as "ctrl+comma" or "Escape", with the names of X11."""
        names = {"ctrl": "Control_L", "alt": "Alt_L", "shift": "Shift_L"}
        symbols = [self.xk.string_to_keysym(names.get(key, key)) for key in keys.split("+")]
        if not all(symbols):
            raise ValueError(f"no such key: {keys}")
        codes = [self.display.keysym_to_keycode(symbol) for symbol in symbols]
        for code in codes:
            self.xtest.fake_input(self.display, self.x.KeyPress, code)
        for code in reversed(codes):
            self.xtest.fake_input(self.display, self.x.KeyRelease, code)
        self.display.sync()

    def point(self, x: int, y: int) -> None:
        """Move the pointer."""
        self.xtest.fake_input(self.display, self.x.MotionNotify, x=x, y=y)
        self.display.sync()

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Move the pointer and click."""
        self.point(x, y)
        time.sleep(0.1)
        self.xtest.fake_input(self.display, self.x.ButtonPress, button)
        self.display.sync()
        time.sleep(0.05)
        self.xtest.fake_input(self.display, self.x.ButtonRelease, button)
        self.display.sync()


def main() -> None:
    """Answer the requests on standard input until it ends."""
    screen = Screen()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"answer": getattr(screen, request["do"])(*request.get("with", ()))}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
