import torch
from avatar_kit_anny.framewise import apply, compose, frames_first, frames_last, transposed
from avatar_kit_anny.skeleton import Skeleton

PARENTS = (-1, 0, 1, 1, 0, 4, 2)


def rotations(frames, joints=len(PARENTS)):
    q, _ = torch.linalg.qr(torch.randn(frames, joints, 3, 3, dtype=torch.float64))
    return q * torch.linalg.det(q)[..., None, None]


def test_compose_equals_matmul():
    a, b = rotations(4), rotations(1)
    found = frames_first(compose(frames_last(a), frames_last(b)))
    assert torch.allclose(found, a @ b)
    assert torch.allclose(
        frames_first(compose(transposed(frames_last(a)), frames_last(a))), a.mT @ a
    )


def test_apply_equals_matmul():
    a, v = rotations(1), torch.randn(4, len(PARENTS), 3, dtype=torch.float64)
    found = frames_first(apply(frames_last(a), frames_last(v)))
    assert torch.allclose(found, (a @ v[..., None])[..., 0])


def test_gradients_with_broadcasting():
    a = frames_last(rotations(3, 2)).clone().requires_grad_()
    b = frames_last(rotations(1, 2)).clone().requires_grad_()
    v = torch.randn(2, 3, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(compose, (a, b))
    assert torch.autograd.gradcheck(compose, (b, a))
    assert torch.autograd.gradcheck(apply, (a, v))
    assert torch.autograd.gradgradcheck(compose, (a, b))


def test_accumulate_equals_a_walk_up_the_tree():
    local = rotations(3)
    found = frames_first(Skeleton(PARENTS).accumulate(frames_last(local)))
    for joint in range(len(PARENTS)):
        expected, at = local[:, joint], PARENTS[joint]
        while at >= 0:
            expected, at = local[:, at] @ expected, PARENTS[at]
        assert torch.allclose(found[:, joint], expected)


def test_relative_undoes_accumulate():
    tree, local = Skeleton(PARENTS), frames_last(rotations(3))
    assert torch.allclose(tree.relative(tree.accumulate(local)), local)


def test_heads_keep_bone_lengths():
    tree = Skeleton(PARENTS)
    offsets = torch.randn(len(PARENTS), 3, 1, dtype=torch.float64)
    root = torch.randn(3, 5, dtype=torch.float64)
    heads = tree.heads(tree.accumulate(frames_last(rotations(5))), offsets, root)
    assert torch.equal(heads[0], root)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        length = (heads[joint] - heads[parent]).norm(dim=0)
        assert torch.allclose(length, offsets[joint].norm().expand(5))
