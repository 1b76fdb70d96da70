"""Channels by every name that recordings give them."""

import pytest

from beetl_task1.errors import DataError
from beetl_task1.staging.channels import Derivation, find_channels


def found(there, wanted=None):
    return [str(d) for d in find_channels(there, there, wanted).derivations]


@pytest.mark.parametrize(("there", "expected"), [
    (["Fpz-Cz", "Pz-Oz", "EOG"], ["Fpz-Cz", "Pz-Oz"]),
    (["EOG", "EEG Pz-Oz", "EEG Fpz-Cz"], ["EEG Fpz-Cz", "EEG Pz-Oz"]),
    (["EEG FPZ-CZ", "EEG PZ-OZ"], ["EEG FPZ-CZ", "EEG PZ-OZ"]),
    (["EEG:Fpz - Cz", "EEG:Pz - Oz"], ["EEG:Fpz - Cz", "EEG:Pz - Oz"]),
    (["Fpz", "Cz", "Pz", "Oz"], ["Fpz minus Cz", "Pz minus Oz"]),
    (["EEG Fpz-REF", "EEG Cz-REF", "EEG Pz-REF", "EEG Oz-REF"],
     ["EEG Fpz-REF minus EEG Cz-REF", "EEG Pz-REF minus EEG Oz-REF"]),
    (["Fpz-M1", "Cz-M1", "EEG Pz-Oz"], ["Fpz-M1 minus Cz-M1", "EEG Pz-Oz"]),
    (["Fpz-Cz", "EEG Fpz-Cz", "Pz-Oz"], ["Fpz-Cz", "Pz-Oz"]),
])  # fmt: skip
def test_default_montage(there, expected):
    montage = find_channels(there, there)
    assert [str(d) for d in montage.derivations] == expected
    assert montage.warnings == ()


def test_asking_for_others_is_warned_of():
    montage = find_channels(["F3", "M2", "EEG O1-M2"], ["F3"], ["F3-M2", "O1-M2"])
    assert montage.derivations == (Derivation("F3", "M2"), Derivation("EEG O1-M2"))
    assert montage.warnings[0] == "other montage: F3-M2 stands in for Fpz-Cz, which the models were trained on"
    assert len(montage.warnings) == 2


def test_one_channel_stands_in_for_both_and_says_what_is_missing():
    for montage in (find_channels(["EEG", "EOG left"], ["EEG"]), find_channels(["EEG", "C3"], ["EEG", "C3"], ["EEG"])):
        assert montage.derivations == (Derivation("EEG"), Derivation("EEG"))
        assert montage.warnings[0].startswith("missing channel: lacks Fpz-Cz and Pz-Oz")
    assert "lacks Pz-Oz (" in find_channels(["Fpz-Cz"], ["Fpz-Cz"]).warnings[0]


def test_a_missing_channel_lists_what_there_is():
    with pytest.raises(DataError) as caught:
        find_channels(["EEG Fpz-Cz", "C3-A2", "EOG"], ["EEG Fpz-Cz", "C3-A2"], name="night.edf")
    assert str(caught.value).startswith(
        "night.edf: expected channels Fpz-Cz, Pz-Oz, got EEG Fpz-Cz, C3-A2, EOG; it "
        "lacks Pz-Oz: name the nearest two with --channels"
    )
    with pytest.raises(DataError, match="it lacks Foo"):
        find_channels(["EEG"], ["EEG"], ["Foo", "EEG"])


def test_three_names():
    with pytest.raises(DataError, match="expected two names, for Fpz-Cz and Pz-Oz"):
        find_channels(["A", "B", "C"], [], ["A", "B", "C"])
