import pytest
import torch

from vaescope.corpora.known.topic_pcfg import TopicPcfg
from vaescope.corpora.loader import StepBatches
from vaescope.corpora.tokenized import tokenize
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError

TEXTS = TopicPcfg().sample(50, seed=0)
DATA = tokenize(TEXTS, train_bpe(TEXTS, 300), max_length=64)


def texts_of(micro_batches):
    """The texts of each micro-batch, whatever the groups."""
    return [sorted(torch.cat([batch.index for batch in groups]).tolist()) for groups in micro_batches]


@pytest.mark.parametrize("batch_size", [1, 8, 12, 50])
def test_every_text_once_per_epoch_and_every_step_full(batch_size):
    batches = StepBatches(DATA, batch_size=batch_size, seed=3)
    stream = [batches.indices(t) for t in range(-(-150 // batch_size))]
    assert all(len(indices) == batch_size for indices in stream)
    order = torch.cat(stream)[:150].view(3, 50)
    assert all(sorted(epoch.tolist()) == list(range(50)) for epoch in order)
    assert not torch.equal(order[0], order[1])


def test_a_step_is_a_function_of_seed_and_number():
    forward, backward = (StepBatches(DATA, batch_size=12, accumulate=2, seed=1) for _ in range(2))
    seen = [texts_of(forward.step(t)) for t in range(20)]
    assert [texts_of(backward.step(t)) for t in reversed(range(20))] == seen[::-1]
    assert texts_of(StepBatches(DATA, batch_size=12, accumulate=2, seed=2).step(0)) != seen[0]


def test_micro_batches_are_a_partition_in_random_order():
    batches = StepBatches(DATA, batch_size=24, accumulate=3)
    micro = texts_of(batches.step(1))
    assert [len(part) for part in micro] == [8, 8, 8]
    assert [sorted(part.tolist()) for part in batches.indices(1).chunk(3)] == micro


@pytest.mark.parametrize(("accumulate", "world_size"), [(1, 2), (2, 2), (3, 4)])
def test_processes_together_read_the_texts_of_one_process(accumulate, world_size):
    one = StepBatches(DATA, batch_size=24, accumulate=accumulate * world_size, seed=4)
    many = StepBatches(DATA, batch_size=24, accumulate=accumulate, seed=4)
    for t in range(5):
        alone = texts_of(one.step(t))
        for rank in range(world_size):
            parts = texts_of(many.step(t, rank=rank, world_size=world_size))
            assert parts == [alone[a * world_size + rank] for a in range(accumulate)]


def test_groups_stay_within_the_budget():
    batches = StepBatches(DATA, batch_size=24, group_tokens=100)
    for groups in batches.step(0):
        assert all(batch.input_ids.numel() <= 100 or len(batch) == 1 for batch in groups)


def test_errors_name_the_fix():
    with pytest.raises(UserError, match="there are 50; give at most that"):
        StepBatches(DATA, batch_size=51)
    with pytest.raises(UserError, match="give a multiple of 3, for instance 12"):
        StepBatches(DATA, batch_size=10, accumulate=3)
    with pytest.raises(UserError, match="4 processes; give a multiple of 8, for instance 16"):
        StepBatches(DATA, batch_size=10, accumulate=2).step(0, world_size=4)


def test_steps_per_epoch():
    assert StepBatches(DATA, batch_size=20).steps_per_epoch == 2.5


def test_a_later_beginning_is_the_same_stream_further_on():
    whole, later = StepBatches(DATA, batch_size=12, seed=1), StepBatches(DATA, batch_size=12, seed=1, first_text=24)
    assert [later.indices(t).tolist() for t in range(9)] == [whole.indices(t + 2).tolist() for t in range(9)]
