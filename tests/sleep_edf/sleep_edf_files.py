"""Writes files as Sleep-EDF has them, with all their oddities."""

import datetime

import edfio
import numpy as np

from beetl_task1.sleep_edf.study import study_nights

NAMES = {
    "W": "Sleep stage W",
    "R": "Sleep stage R",
    "?": "Sleep stage ?",
    "M": "Movement time",
    **{digit: f"Sleep stage {digit}" for digit in "1234"},
}
START = datetime.datetime(1989, 4, 24, 16, 13)


def write_psg(path, n_seconds, *, seed=0, channels=("EEG Fpz-Cz", "EEG Pz-Oz"), unit="uV", sfreq=100, start=START):
    """Write seven channels as the study has them: three at 100 Hz, four at 1 Hz, records of 30 s or 10 s."""
    rng = np.random.default_rng(seed)
    fast = [
        edfio.EdfSignal(
            rng.normal(0, 20, n_seconds * sfreq), sfreq, label=name, physical_dimension=unit, physical_range=(-200, 200)
        )
        for name in (*channels, "EOG horizontal")
    ]
    slow = [
        edfio.EdfSignal(rng.normal(0, 1, n_seconds), 1, label=name, physical_range=(-9, 9))
        for name in ("Resp oro-nasal", "EMG submental", "Temp rectal", "Event marker")
    ]
    duration = 30 if n_seconds % 30 == 0 else 10
    edfio.Edf(
        fast + slow,
        recording=edfio.Recording(startdate=start.date()),
        starttime=start.time(),
        data_record_duration=duration,
    ).write(path)


def write_hypnogram(path, stages, *, start=START, seconds=30):
    """Write a hypnogram as EDF+ annotations, one per run of a stage."""
    annotations, onset = [], 0
    for run in "".join(a + (" " if a != b else "") for a, b in zip(stages, stages[1:] + " ", strict=True)).split():
        annotations.append(edfio.EdfAnnotation(onset, len(run) * seconds, NAMES[run[0]]))
        onset += len(run) * seconds
    edfio.Edf(
        [], recording=edfio.Recording(startdate=start.date()), starttime=start.time(), annotations=annotations
    ).write(path)


def write_pair(folder, record, stages, *, past="", seed=0, **options):
    """Write signal and scoring of a record; ``past`` is scored after the signal's end."""
    folder.mkdir(parents=True, exist_ok=True)
    write_psg(folder / f"{record}E0-PSG.edf", 30 * len(stages), seed=seed, **options)
    write_hypnogram(folder / f"{record}EC-Hypnogram.edf", stages + past)


def write_study(folder):
    """Write two young subjects, eight of 65-79, six of 80-95, and some that do not take part."""
    older = [*_subjects("65-79", 8), *_subjects("80-95", 6)]
    nights = [night.name for night in study_nights().values() if night.subject in older]
    for seed, record in enumerate(["SC4001", "SC4002", "SC4011", "SC4012", "SC4131", "SC4731", *sorted(nights)]):
        write_pair(folder / "deep" / "er", record, "WW1122M33?44RRWW", past="WW????", seed=seed)
    write_psg(folder / "SC4021E0-PSG.edf", 60)
    return folder


def _subjects(group, count):
    with_two_nights = {n.subject for n in study_nights().values() if n.group == group and n.subject != 52}
    return sorted(with_two_nights)[:count]
