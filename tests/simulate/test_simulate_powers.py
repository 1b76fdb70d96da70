"""Log powers of a night: the tables of every cohort, and what is drawn from them."""

import numpy as np
import pytest

from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import powers
from beetl_task1.simulate.subject import draw_subject, night_effect
from beetl_task1.simulate.tables import COHORTS, N_POWERS, N_STAGES, cohort, generator, load


@pytest.mark.parametrize(
    ("age", "name"), [(18, "25-34"), (34.9, "25-34"), (35, "35-64"), (65, "65-79"), (79.9, "65-79"), (101, "80+")]
)
def test_everybody_has_a_cohort(age, name):
    assert cohort(age) == name


@pytest.mark.parametrize("name", COHORTS)
def test_tables_are_whole(name):
    table = load("powers")[name]
    assert table["mean"].shape == (N_STAGES, N_POWERS)
    assert table["person"].shape[1:] == table["night"].shape[1:] == (N_STAGES, N_POWERS)
    assert table["roots"].shape == (*table["weights"].shape, N_POWERS, N_POWERS)
    assert all(np.isfinite(part).all() for part in table.values())
    np.testing.assert_allclose(table["weights"].sum(1), 1, atol=0.01)


def test_slow_waves_lose_their_lead_with_age():
    lead = [table["mean"][3:5, 0].mean() - table["mean"][2, 0] for table in load("powers").values()]
    assert lead[0] > lead[2]
    assert min(lead) > 0.5


@pytest.mark.parametrize("name", ["25-34", "80+"])
def test_residuals_have_the_moments_of_the_mixture(name):
    table, stage = load("powers")[name], 0
    weights = np.tile(np.eye(N_STAGES)[stage], (6 * 6000, 1))
    effect = np.zeros((N_STAGES, N_POWERS))
    drawn, deviation = powers.draw_powers(generator(0, "x"), weights, effect, table)
    np.testing.assert_allclose(drawn - deviation, np.broadcast_to(table["mean"][stage], drawn.shape), atol=1e-9)
    shares, centres, roots = (table[part][stage] for part in ("weights", "centres", "roots"))
    mean = shares @ centres
    second = np.einsum("c,cde->de", shares, roots @ roots.transpose(0, 2, 1)) + (centres.T * shares) @ centres
    spread = np.sqrt(np.diag(second) - mean**2)
    middle = deviation.reshape(-1, 6, N_POWERS)[:, 2:4].mean(1)
    np.testing.assert_allclose(middle.mean(0), mean, atol=0.15 * spread.max())
    np.testing.assert_allclose(middle.std(0), spread, rtol=0.2)


def test_sleepers_and_nights_deviate_as_their_cohort():
    for age, group in ((28.0, "25-64"), (90.0, "80-95")):
        table = load("powers")[cohort(age)]
        people = np.array([draw_subject(0, RecordingKey(group, s, 1), age).effect for s in range(300)])
        nights = np.array([night_effect(generator(i, "night"), age) for i in range(300)])
        for drawn, part in ((people, "person"), (nights, "night")):
            np.testing.assert_allclose(drawn.std(0), np.sqrt((table[part] ** 2).sum(0)), rtol=0.25)


@pytest.mark.parametrize(("name", "least"), [("25-34", 15), ("35-64", 30), ("65-79", 30), ("80+", 6)])
def test_nothing_that_people_deviate_by_is_left_out(name, least):
    """A few main factors would have what the stages of a person share, and little of how they differ."""
    person = load("powers")[name]["person"]
    apart = person - person.mean(1, keepdims=True)
    assert np.linalg.matrix_rank(apart.reshape(len(person), -1), tol=1e-2) >= least


def test_the_oldest_are_mostly_like_one_person():
    def likeness(age, name):
        people = load("powers")[name]["person"].reshape(-1, N_STAGES * N_POWERS)
        drawn = [draw_subject(i, RecordingKey("80-95", 0, 1), age).effect.ravel() for i in range(100)]
        return np.median(np.abs(np.corrcoef(people, drawn)[: len(people), len(people) :]).max(axis=0))

    assert likeness(90, "80+") > 0.8 > likeness(70, "65-79")
