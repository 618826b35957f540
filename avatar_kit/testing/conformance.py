"""What every component of every kind must do: the checks of registration and config.

A check is a method ``test_*`` without arguments. Its docstring says what must hold; where it does
not, :func:`require` says what was found and what to do. A check that does not apply to a component
raises :class:`NotApplicable`, which pytest shows as skipped.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, ClassVar

import yaml
from pydantic import BaseModel, ValidationError

from avatar_kit.config import dump_yaml
from avatar_kit.declarations import ComponentConfig
from avatar_kit.errors import UserError
from avatar_kit.io.documents import explain
from avatar_kit.registry import Component, catalog, plugins

#: What reading a plugin's names and configs must leave unimported.
HEAVY = ("torch", "numpy")


#: What the checks of a class share.
_KEPT: dict[tuple[type, str], Any] = {}


class Broken(AssertionError):
    """A component does not do what its contract promises."""


class NotApplicable(unittest.SkipTest):
    """The contract says nothing about this component here."""


def require(holds: object, message: str) -> None:
    """Fail the check with a message a person can act on, unless ``holds``."""
    __tracebackhide__ = True
    if not holds:
        raise Broken(message)


class Conformance:
    """The checks that hold for all kinds.

    Attributes:
        kind: Kind of the component; set by the class of the kind.
        name: The name the component is registered under.
        options: Config values for the checks: what the config requires, and sizes that make the
            component small.
        device: Where the checks run; ``AVATAR_KIT_TEST_DEVICE`` changes it.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}
    device: ClassVar[str] = os.environ.get("AVATAR_KIT_TEST_DEVICE", "cpu")

    @property
    def component(self) -> Component:
        """The registered component."""
        return catalog().get(self.kind, self.name)

    @property
    def config(self) -> ComponentConfig:
        """Its config with :attr:`options`.

        Raises:
            UserError: The config needs a value that has no default, or refuses one.
        """
        return self.validated(self.options)

    def teardown_method(self) -> None:
        """After every check, by pytest too: torch's default dtype is what it was.

        Raises:
            Broken: Something set another, which changes every tensor that anybody makes.
        """
        torch = sys.modules.get("torch")
        if torch is None or (found := torch.get_default_dtype()) == torch.float32:
            return
        torch.set_default_dtype(torch.float32)
        raise Broken(
            f"{self.kind} '{self.name}' changed torch's default dtype to {found} for the whole "
            "program; give dtype= where you make a tensor"
        )

    def once(self, what: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, made once for all checks of this class."""
        key = (type(self), what)
        if key not in _KEPT:
            _KEPT[key] = make()
        return _KEPT[key]

    def validated(self, values: dict[str, Any]) -> Any:
        """The component's config with these values."""
        cls = self.component.config
        try:
            return cls.model_validate({**values, "type": self.name})
        except ValidationError as error:
            raise UserError(f"{self.kind} '{self.name}': {explain(error, cls)}") from None

    def test_reading_its_names_imports_nothing_heavy(self) -> None:
        """The plugin's module and its config classes import neither torch nor numpy."""
        component = self.component
        source = next(p for p in plugins() if p.name == component.plugin)
        if not source.version and os.environ.get("AVATAR_KIT_DEV"):
            raise NotApplicable("a file named by AVATAR_KIT_DEV may hold everything")
        heavy = heavy_imports(component.plugin, component.config.__module__, tuple(sys.path))
        require(
            not heavy,
            f"reading the names of plugin '{component.plugin}' imports {heavy}; import them in the "
            f"module of the target ({component.target}), not in the plugin's or the config's",
        )

    def test_target_is_of_its_kind(self) -> None:
        """The target exists and derives from the kind's interface."""
        interface = getattr(import_module("avatar_kit.interfaces"), self.kind.capitalize())
        target = self.component.load()
        require(
            isinstance(target, type) and issubclass(target, interface),
            f"{self.component.target} must be a class derived from "
            f"avatar_kit.interfaces.{interface.__name__}",
        )
        missing = sorted(getattr(target, "__abstractmethods__", ()))
        require(not missing, f"{self.component.target} does not define {', '.join(missing)}")

    def test_type_is_the_registered_name(self) -> None:
        """The config's ``type`` defaults to the name the component is registered under."""
        default = self.component.config.model_fields["type"].default
        require(
            default == self.name,
            f"{_path(self.component.config)}: write  "
            f'type: Literal["{self.name}"] = "{self.name}"  (its default is {default!r})',
        )

    def test_config_round_trips(self) -> None:
        """A config written as YAML and read back is the same config."""
        before = self.config
        text = dump_yaml(before.model_dump(mode="json"))
        after = self.validated(yaml.safe_load(text))
        changed = [k for k, v in before.model_dump().items() if after.model_dump()[k] != v]
        require(not changed, f"these keys change on the way through YAML: {', '.join(changed)}")

    def test_unknown_keys_are_refused(self) -> None:
        """A key that the config does not know is an error."""
        values = {**self.config.model_dump(mode="json"), "no_such_key": 1}
        try:
            self.component.config.model_validate(values)
        except ValidationError:
            return
        raise Broken(
            f"{_path(self.component.config)} takes unknown keys; keep extra='forbid' of its base"
        )

    def test_config_is_frozen(self) -> None:
        """A config cannot be changed once it is made."""
        require(
            self.component.config.model_config.get("frozen"),
            f"{_path(self.component.config)} can be changed; keep frozen=True of its base",
        )

    def test_every_field_is_described(self) -> None:
        """Every config field has a description, and the config class a docstring of its own."""
        config = self.component.config
        bare = list(undescribed(config))
        require(not bare, f"add Field(description=...) to {', '.join(bare)}")
        own = (config.__dict__.get("__doc__") or "").strip()
        require(own, f"{_path(config)} needs a docstring: `plugins show {self.name}` prints it")


@functools.cache
def heavy_imports(plugin: str, config: str, path: tuple[str, ...]) -> str:
    """Names of :data:`HEAVY` packages that reading one plugin imports, in a process of its own.

    Args:
        plugin: Name of its entry point.
        config: Module of a config class.
        path: Where Python looks for modules.
    """
    code = (
        "import importlib, sys\n"
        "from avatar_kit.registry import plugins\n"
        "plugins()\n"
        f"importlib.import_module({config!r})\n"
        f"print(' '.join(n for n in {HEAVY!r} if n in sys.modules))"
    )
    search = os.pathsep.join(p for p in path if p)
    env = {**os.environ, "AVATAR_KIT_PLUGINS": plugin, "PYTHONPATH": search}
    env.pop("AVATAR_KIT_STRICT", None)
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, env=env
    )
    require(done.returncode == 0, f"loading plugin '{plugin}' ended with\n{done.stderr}")
    return done.stdout.strip()


def undescribed(config: type[BaseModel], at: str = "") -> Iterator[str]:
    """Dotted names of fields without a description, nested groups included."""
    for name, field in config.model_fields.items():
        path = f"{at}.{name}" if at else name
        if not field.description and name != "type":
            yield path
        inner = field.annotation
        nested = isinstance(inner, type) and issubclass(inner, BaseModel)
        if nested and not issubclass(inner, ComponentConfig):  # type: ignore[arg-type]
            yield from undescribed(inner, path)  # type: ignore[arg-type]


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
