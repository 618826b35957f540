"""Mouse and keyboard on the page of `avatar-kit view`, by Chromium's own input events."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tests.browsing import Browser

Keep = Callable[[], Awaitable[None]]

#: Seconds between a move and the picture that follows from it, at most.
PATIENCE = 15.0
#: Where the scene is dragged, in pixels.
SCENE = (350, 350)
#: A step towards the face: pixels that the scene is moved, and turns of the wheel.
RISE, WHEEL = 70, 400

# the row of a control: the smallest element that holds its label and something to use
_ROW = """
function row(label, inside) {
  const text = [...document.querySelectorAll('label, div, p, button, span')]
    .find((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim() === label));
  let parent = text;
  while (parent && !parent.querySelector(inside)) parent = parent.parentElement;
  return parent && parent.querySelector(inside);
}
function place(e) {
  e.scrollIntoView({block: 'center'});
  const box = e.getBoundingClientRect();
  return [box.left, box.top, box.width, box.height];
}
"""


class Hands:
    """Uses the page of the viewer.

    Args:
        page: Where it is open.
    """

    def __init__(self, page: Browser):
        self.page = page

    async def mouse(self, kind: str, x: float, y: float, button: str = "left", **more) -> None:
        """One event of the mouse at a place of the page, in pixels."""
        held = {"left": 1, "right": 2, "none": 0}[button] if kind != "mouseReleased" else 0
        values = {"x": x, "y": y, "button": button, "buttons": held, **more}
        await self.page.call("Input.dispatchMouseEvent", type=kind, **values)

    async def press(self, x: float, y: float) -> None:
        """A click."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.mouse(kind, x, y, clickCount=1)

    async def value(self, expression: str):
        """What an expression of the page comes to, with the functions above."""
        return await self.page.value(f"(() => {{ {_ROW}; return {expression}; }})()")

    async def middle(self, element: str) -> tuple[float, float]:
        """The middle of an element, once it is there."""
        for _ in range(100):
            if await self.value(f"!!{element}"):
                left, top, width, height = await self.value(f"place({element})")
                return left + width / 2, top + height / 2
            await asyncio.sleep(0.1)
        raise AssertionError(f"{element} is not on the page")

    async def painted(self) -> None:
        """Wait until the line with the milliseconds stands still: nothing is being drawn."""
        line = "[...document.querySelectorAll('p')].map((e) => e.textContent)" \
            ".filter((t) => t.includes(' ms, ')).join()"  # fmt: skip
        last, same = "", 0
        for _ in range(int(PATIENCE / 0.15)):
            await asyncio.sleep(0.15)
            now = await self.value(line)
            same = same + 1 if now == last and now else 0
            last = now
            if same >= 6:
                return

    async def choose(self, label: str, option: str) -> None:
        """An entry of a list."""
        await self.press(*await self.middle(f"row({label!r}, 'input')"))
        found = f"[...document.querySelectorAll('[role=option]')]" \
            f".find((e) => e.textContent.trim() === {option!r})"  # fmt: skip
        await self.press(*await self.middle(found))

    async def unfold(self, label: str) -> None:
        """Open or close a folder of controls."""
        await self.press(*await self.middle(f"row({label!r}, 'svg')"))
        await asyncio.sleep(0.5)

    async def slide(self, label: str, shares: Sequence[float], keep: Keep) -> None:
        """Drag a slider to shares of its length, one after another."""
        track = f"row({label!r}, '.mantine-Slider-track')"
        for share in shares:
            await self.middle(track)
            left, top, width, height = await self.value(f"place({track})")
            await self.press(left + share * width, top + height / 2)
            await self.painted()
            await keep()

    async def drag(self, dx: float, dy: float, button: str = "left") -> None:
        """Drag the scene."""
        x, y = SCENE
        await self.mouse("mousePressed", x, y, button, clickCount=1)
        for part in (0.5, 1.0):
            await self.mouse("mouseMoved", x + part * dx, y + part * dy, button)
        await self.mouse("mouseReleased", x + dx, y + dy, button, clickCount=1)

    async def orbit(self, steps: int, pixels: float, keep: Keep) -> None:
        """Turn the scene, a picture after every step."""
        for _ in range(steps):
            await self.drag(pixels, 0)
            await self.painted()
            await keep()

    async def approach(self, keep: Keep) -> None:
        """Move the camera to the face: up, then nearer."""
        await self._rise(RISE, keep)
        await self._near(-WHEEL, keep)

    async def leave(self, keep: Keep) -> None:
        """Move it back."""
        await self._near(WHEEL, keep)
        await self._rise(-RISE, keep)

    async def _rise(self, pixels: float, keep: Keep) -> None:
        for _ in range(3):
            await self.drag(0, pixels, "right")
            await self.painted()
            await keep()

    async def _near(self, wheel: float, keep: Keep) -> None:
        for _ in range(6):
            await self.mouse("mouseWheel", *SCENE, "none", deltaX=0, deltaY=wheel)
            await self.painted()
            await keep()

    async def dismiss_notices(self) -> None:
        """Close what viser says of the browser."""
        while await self.value("!!document.querySelector('.mantine-Notification-closeButton')"):
            button = "document.querySelector('.mantine-Notification-closeButton')"
            await self.press(*await self.middle(button))
            await asyncio.sleep(1)
