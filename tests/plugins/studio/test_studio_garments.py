import numpy as np
from avatar_kit_studio import topology
from avatar_kit_studio.cuts import regions_of


def named(person, name):
    return next(g for g in person.garments if g.name == name)


def test_hems_lie_on_their_cuts(person):
    """Every boundary vertex of the cloth (not of its turned-in rim) is on a cutting plane."""
    for garment in person.garments:
        outer = garment.faces[~garment.rim[garment.faces].any(1)]
        ends = np.concatenate([outer[:, [0, 1]], outer[:, [1, 2]], outer[:, [2, 0]]])
        pairs, count = np.unique(np.sort(ends, 1), axis=0, return_counts=True)
        edge = np.unique(pairs[count == 1])
        planes = np.stack([garment.rest[edge] @ c.normal + c.offset for c in garment.cuts], 1)
        off = np.abs(planes).min(1)
        if garment.name != "shoes":  # their soles are flattened after the cut
            assert off.max() < 2e-3, garment.name


def test_nothing_is_beyond_a_cut(person):
    for garment in person.garments:
        if garment.name == "shoes":
            continue
        regions = regions_of(person.marks, garment.surface, garment.weights)
        for cut in garment.cuts:
            here = regions[cut.region] & ~garment.rim
            if here.any():
                assert (garment.rest[here] @ cut.normal + cut.offset).min() > -6e-3, garment.name


def test_clothes_are_off_the_skin(person):
    for garment in person.garments:
        normals = topology.normals_of(garment.surface.astype(float), garment.faces)
        away = ((garment.rest - garment.surface) * normals).sum(1)[~garment.rim]
        assert np.quantile(away, 0.02) > 0.001, garment.name
        assert away.max() < 0.16, garment.name


def test_smoothing_keeps_what_is_constant_and_shrinks_noise(person, rng):
    start, items = named(person, "top").neighbours
    count = len(start) - 1
    flat = np.full((count, 3), 2.5)
    topology.smooth(flat, start, items, 0.5, 5)
    assert np.allclose(flat, 2.5)
    noise = rng.normal(size=(count, 3))
    before = noise.std()
    topology.smooth(noise, start, items, 0.5, 5)
    assert noise.std() < 0.5 * before


def test_left_and_right_folds_are_not_mirrored(person):
    """Mirror-symmetric folds look like a painted V."""
    top = named(person, "top")
    folds = top.wrinkles[0]
    left = top.surface[:, 0] > 0.03
    from avatar_kit_studio.topology import nearest

    flip = top.surface[left] * np.float32([-1, 1, 1])
    twin = nearest(flip.astype(float), top.surface.astype(float))
    a, b = folds[left], folds[twin]
    active = np.abs(a) + np.abs(b) > 0.02
    assert np.corrcoef(a[active], b[active])[0, 1] < 0.6


def test_covered_skin_is_dropped(session, person):
    kept = np.unique(person.skin.faces[person.skin.material == 0])
    belly = person.marks["spine-4"]
    near = np.linalg.norm(person.skin.rest[kept] - belly, axis=1)
    assert near.min() > 0.08
