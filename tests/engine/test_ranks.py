"""Several processes that train together, against one process that sees all of it."""

import os
import socket

import pytest
import torch
import torch.multiprocessing
from torch import nn

from avatar_kit.config import EvaluationConfig
from avatar_kit.engine.ranks import Ranks, joined
from avatar_kit.engine.scoring import Scores, regions
from avatar_kit.errors import UserError

COUNT, STEPS = 2, 6


def in_company(work, folder):
    """Run ``work(ranks)`` in two processes; what each returns."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port = tried.getsockname()[1]
    torch.multiprocessing.spawn(_member, (port, work, folder), nprocs=COUNT)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(COUNT)]


def _member(rank, port, work, folder):
    torch.set_num_threads(1)
    about = {"RANK": rank, "WORLD_SIZE": COUNT, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in about.items()})
    with joined() as ranks:
        torch.save(work(ranks), folder / f"{rank}.pt")


class Model(nn.Module):
    """Rows of an embedding, a layer, a layer that some steps leave out, and what was counted."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.rows = nn.Embedding(8, 4, sparse=True)
        self.layer, self.rare = nn.Linear(4, 2), nn.Linear(4, 2)
        self.register_buffer("seen", torch.zeros(1))

    def loss(self, samples, step):
        feature = self.rows(samples)
        found = self.layer(feature)
        if step % 3 == 2 and 0 in samples:  # one process alone has it
            found = found + self.rare(feature) * (samples == 0)[:, None]
        return (found - samples[:, None].float().sin()).square().mean()


def trained(ranks, count):
    """Two steps of ``count`` samples for each process make one of all."""
    model = Model()
    if not ranks.first:
        with torch.no_grad():
            model.layer.weight.add_(1)  # not what the first one holds
    ranks.share(model.state_dict().values())
    dense = torch.optim.Adam([*model.layer.parameters(), *model.rare.parameters()], lr=0.02)
    sparse = torch.optim.SparseAdam([model.rows.weight], lr=0.02)
    with ranks.averaging():
        for step in range(STEPS):
            first = ranks.own_step(step) * count
            samples = torch.arange(first, first + count) % 8
            for optimizer in (dense, sparse):
                optimizer.zero_grad()
            model.loss(samples, step).backward()
            model.seen += len(samples)
            ranks.share([model.seen])
            dense.step()
            sparse.step()
    ranks.refuse_apart(model.state_dict().values(), STEPS, "tried")
    return model.state_dict()


def scored(ranks):
    """The scores of six random pictures: tensors by name, and which metrics this process ran."""
    scores = Scores(EvaluationConfig(metrics=["psnr", "ssim"]), ranks)
    draw, box = torch.Generator().manual_seed(5), [4, 8, 28, 30]
    for k in range(6):
        truth = torch.rand(1, 3, 32, 32, generator=draw)
        picture = (truth + 0.1 * torch.randn(truth.shape, generator=draw)).clamp(0, 1)
        scores.update(regions(picture, box), regions(truth, box), new_clip=k % 3 == 0)
    values, frames = scores.compute(), scores.frames()
    found = {f"mean {n}": v for n, v in values.items() if n != "person"}
    found |= {f"mean person {n}": v for n, v in values["person"].items()}
    found |= {f"{region} {n}": v for region, by in frames.items() for n, v in by.items()}
    return {n: torch.tensor(v, dtype=torch.float64) for n, v in found.items()}, scores


def everything(ranks):
    values, scores = scored(ranks)
    ran = torch.tensor(len(scores.metrics))
    return {"trained": trained(ranks, 3), "said": speaking(ranks), "scores": values, "ran": ran}


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    return in_company(everything, tmp_path_factory.mktemp("company"))


def test_two_processes_equal_each_other_and_one_that_sees_all(company):
    one, other = (found["trained"] for found in company)
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
    alone = trained(Ranks(), 3 * COUNT)
    assert not torch.equal(one["rare.weight"], Model().rare.weight)
    for name in set(one) - {"seen"}:
        torch.testing.assert_close(one[name], alone[name], atol=1e-5, rtol=0)
    assert float(one["seen"]) == 3 * STEPS, "what the first one counted"


def test_the_metrics_are_shared_and_their_values_are_those_of_one_process(company):
    alone, scores = scored(Ranks())
    assert len(scores.metrics) == sum(int(found["ran"]) for found in company) == 4
    assert len(alone) == 8 and all(int(found["ran"]) == 2 for found in company)
    for found in company:
        assert found["scores"].keys() == alone.keys()
        assert all(torch.equal(found["scores"][name], value) for name, value in alone.items())


def speaking(ranks):
    rank = ranks.rank
    yes = ranks.any(rank == 1, False)
    assert ranks.first_said([] if rank == 0 else ["one"]) == ["one"]
    try:
        ranks.refuse_apart([torch.full((2,), float(rank))], 7, "apart")
        refused = ""
    except UserError as error:
        refused = str(error)
    try:
        ranks.share([torch.zeros(2 + rank)])
        sizes = ""
    except UserError as error:
        sizes = str(error)
    told = ranks.told({"of": rank})
    return {
        "yes": torch.tensor(yes),
        "told": torch.tensor(told["of"]),
        "gathered": torch.tensor(ranks.gathered(10 + rank)),
        "refused": torch.tensor("step 7" in refused and "'apart'" in refused),
        "sizes": torch.tensor("no longer hold the same avatar" in sizes),
    }


def test_decisions_are_those_of_all(company):
    for said in (found["said"] for found in company):
        assert said["yes"].tolist() == [True, False]
        assert int(said["told"]) == 0 and said["gathered"].tolist() == [10, 11]
        assert bool(said["refused"]) and bool(said["sizes"])


def test_a_process_on_its_own_asks_nobody():
    ranks = Ranks()
    assert ranks.first and ranks.own_step(5) == 5
    assert ranks.any(True, False) == (True, False) and ranks.told("x") == "x"
    with ranks.averaging():
        ranks.share([torch.zeros(1)])
    ranks.refuse_apart([torch.zeros(1)], 0, "any")


def test_an_environment_that_makes_no_sense_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(UserError, match="WORLD_SIZE: expected a whole number, not 'two'"), joined():
        pass
