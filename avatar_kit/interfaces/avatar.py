"""Avatar: a body, encoders, a renderer and an aligner, wired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from avatar_kit.scene import Condition, FrameContext, RenderOutput

if TYPE_CHECKING:
    from avatar_kit.interfaces.aligner import Aligner
    from avatar_kit.interfaces.body import Body
    from avatar_kit.interfaces.encoder import Encoder
    from avatar_kit.interfaces.method import Batch, Samples
    from avatar_kit.interfaces.refinement import PoseRefinement
    from avatar_kit.interfaces.renderer import Renderer


@dataclass(frozen=True)
class AvatarState:
    """What an avatar remembers from one frame of a stream to the next.

    Attributes:
        encoders: Name -> state of the encoder.
        renderer: State of the renderer.
    """

    encoders: Mapping[str, Any]
    renderer: Any

    @property
    def remembers(self) -> bool:
        """Whether any part passes a state to the next frame."""
        return self.renderer is not None or any(s is not None for s in self.encoders.values())


class Avatar(nn.Module):
    """The result of a training: body, encoders, renderer and aligner, ready to be driven.

    An avatar is of one person. If several people are trained in one model, ``others`` are the
    avatars of the other people during training. Each has its own charts, buffers (such as the empty
    scene) and shape. They share body, aligner and all other parameters with the first.

    Attributes:
        body: The body model.
        shape: [S] identity of the person.
        encoders: Name -> encoder, in the order of the config.
        renderer: The renderer.
        aligner: The motion aligner.
        refinement: Learned corrections of the tracked training poses; None if these are not
            corrected. Not used in rendering.
        others: Avatars of the other people.
    """

    shape: Tensor

    def __init__(
        self,
        body: Body,
        shape: Tensor,
        encoders: Mapping[str, Encoder],
        renderer: Renderer,
        aligner: Aligner,
        refinement: PoseRefinement | None = None,
        others: Sequence[Avatar] = (),
    ):
        super().__init__()
        self.body = body
        self.register_buffer("shape", shape)
        self.encoders = nn.ModuleDict(encoders)
        self.renderer = renderer
        self.aligner = aligner
        self.refinement = refinement
        self.others = nn.ModuleList(others)
        for other in others:
            other._share(self)

    def forward(self, context: FrameContext) -> RenderOutput:
        """Render B frames that are independent of each other."""
        return self.step(context, None)[0]

    def step(
        self, context: FrameContext, state: AvatarState | None
    ) -> tuple[RenderOutput, AvatarState]:
        """Render the next frame of a stream.

        Args:
            context: B frames, one for each of B streams that advance together.
            state: What the previous step returned; None at the start of a motion or a clip.

        Returns:
            The picture, and the state for the next frame.
        """
        shown = self.of(context.person)
        conditions, states = shown.encode(context, None if state is None else state.encoders)
        before = None if state is None else state.renderer
        output, after = shown.renderer.step(conditions, context.camera, before)
        return output, AvatarState(states, after)

    def encode(
        self, context: FrameContext, states: Mapping[str, Any] | None
    ) -> tuple[dict[str, Condition], dict[str, Any]]:
        """Encode the next frame of a stream with this person's encoders; see :meth:`step`.

        Args:
            context: B frames, one for each of B streams.
            states: What the previous call returned, by the name of the encoder; None at the start.

        Returns:
            The conditions and the states for the next frame, both by the name of the encoder.
        """
        encoded: dict[str, tuple[Condition, Any]] = {}
        for name, encoder in self.encoders.items():
            before = None if states is None else states[name]
            encoded[name] = cast("Encoder", encoder).step(context, before)
        conditions = {name: condition for name, (condition, _) in encoded.items()}
        return conditions, {name: state for name, (_, state) in encoded.items()}

    @torch.no_grad()
    def begin(self, samples: Samples) -> None:
        """Call :meth:`Encoder.begin` of every encoder of this person."""
        for encoder in self.encoders.values():
            cast("Encoder", encoder).begin(samples)

    @torch.no_grad()
    def observe(self, batch: Batch, step: int) -> None:
        """Call :meth:`Encoder.observe` of every encoder with a training batch."""
        context = batch.context
        # bodies of their own: what they remember without gradients must not serve the training
        seen = replace(context, body=replace(context.body), previous=replace(context.previous))
        for encoder in self.of(context.person).encoders.values():
            cast("Encoder", encoder).observe(batch.with_context(seen), step)

    def of(self, person: int) -> Avatar:
        """The avatar of a person, by the number of the capture."""
        return cast(Avatar, self.others[person - 1]) if person else self

    @property
    def people(self) -> tuple[Avatar, ...]:
        """A single-person avatar for each person; shared parts are the same objects."""
        if not self.others:
            return (self,)
        encoders = cast("Mapping[str, Encoder]", self.encoders)
        parts = (encoders, self.renderer, self.aligner, self.refinement)
        first = Avatar(self.body, self.shape, *parts)
        first.training = self.training  # not by train(), which would tell the parts too
        return (first, *cast("Sequence[Avatar]", self.others))

    def charts(self) -> dict[str, nn.Parameter]:
        """The person's textures in the body's UV layout, by encoder and number."""
        return {
            f"{name}.{i}": chart
            for name, encoder in self.encoders.items()
            for i, chart in enumerate(encoder.charts())  # type: ignore[operator]
        }

    def networks(self) -> dict[str, nn.Parameter]:
        """The parameters that belong to no person: all but the charts and the body model's."""
        personal = {id(chart) for avatar in self.people for chart in avatar.charts().values()}
        return {
            name: value
            for name, value in self.named_parameters()
            if id(value) not in personal and not name.startswith("body.")
        }

    def learned_parameters(self) -> int:
        """Number of values that training learns, without those of the body model."""
        parts = (part for person in self.people for part in (person.encoders, person.renderer))
        learned = {id(p): p for part in parts for p in part.parameters()}
        return sum(p.numel() for p in learned.values())

    def learned_state(self) -> dict[str, Tensor]:
        """State to save: all but the body model, whose licence may forbid copies.

        What people share is in it once.
        """
        own = ("body.", "others.")
        state = {k: v for k, v in self.state_dict().items() if not k.startswith(own)}
        shared = self.networks()
        for i, other in enumerate(self.people[1:]):
            state |= {
                f"others.{i}.{name}": value
                for name, value in other.learned_state().items()
                if name not in shared and not name.startswith("aligner.")
            }
        return state

    def _share(self, first: Avatar) -> None:
        """Take everything that belongs to no person from another avatar, as the same object."""
        given = dict(first.named_parameters())
        for name in self.networks():
            owner, _, leaf = name.rpartition(".")
            setattr(self.get_submodule(owner), leaf, given[name])
        self.body, self.aligner = first.body, first.aligner
