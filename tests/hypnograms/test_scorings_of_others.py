"""Scorings in the dresses that programs, spreadsheets and scorers give them: read rightly, refused, or warned of."""

import datetime
from itertools import pairwise

import edfio
import numpy as np
import pytest

from beetl_task1.errors import DataError
from beetl_task1.hypnograms.edf import read_header, read_tals
from beetl_task1.hypnograms.formats import read_hypnogram
from beetl_task1.hypnograms.names import is_known, read_stage_names, stage_of
from beetl_task1.hypnograms.schemes import AASM, RK
from beetl_task1.hypnograms.spans import Span, on_grid
from beetl_task1.staging.statistics import read_scored

START = datetime.datetime(2021, 3, 2, 22, 30, tzinfo=datetime.UTC)
Y = np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 2, 5, 5, 5, 0, 0, 2, 2, 5, 0])
RK_NAMES = ("W", "S1", "S2", "S3", "S4", "REM")
AASM_NAMES = ("W", "N1", "N2", "N3", "N3", "R")
MERGED = np.where(Y == 4, 3, Y)


DAY, CLOCK = START.date(), START.time()


def write_edf(path, events, *, date=DAY, clock=CLOCK):
    """Write EDF+ annotations: (onset, duration or None, text)."""
    annotations = [edfio.EdfAnnotation(*event) for event in events]
    edfio.Edf([], annotations=annotations, starttime=clock, recording=edfio.Recording(startdate=date)).write(path)
    return path


def epochs(names=tuple(f"Sleep stage {letter}" for letter in "W1234R"), duration=30, first=0, step=30):
    return [(step * i - first * step, duration, names[stage]) for i, stage in enumerate(Y) if i >= first]


def runs():
    """Return (first epoch, epochs, stage) of each run."""
    edges = [0, *(np.flatnonzero(np.diff(Y)) + 1).tolist(), len(Y)]
    return [(a, b - a, int(Y[a])) for a, b in pairwise(edges)]


def scored(path, **options):
    return read_scored(path, len(Y), START, **options)


@pytest.mark.parametrize(("stage", "names"), [
    (0, ["WK", "Wake", "wach", "Sleep stage W", "SLEEP-S0", "Stage 0", "Éveil", "vigilia", "Stage wake", "0.0"]),
    (1, ["Stage 1 sleep", "NREM 1", "Stadium I", "Stade 1", "SLEEP-S1", "S-1", "Fase 1", "N I", "Stage1", "1.0"]),
    (2, ["NREM2", "Schlafstadium 2", "Stadio 2", "Stage II", "ii", "Stage N2", "Non-REM 2", "nrem stage 2"]),
    (3, ["SLEEP-S3", "stage iii", "N3", "NREM3", "SWS", "Stage 3 Sleep"]),
    (4, ["SLEEP-S4", "Stadium IV", "IV", "S4", "Sleep stage 4"]),
    (5, ["SLEEP-REM", "Sleep stage R", "REM sleep", "Stage REM", "MOR", "Sommeil paradoxal", "Sueño REM", "SR", "5"]),
    (-1, ["?", "Sleep stage ?", "Movement time", "MT", "unscored", "Artefact", "artifact", "not scored", "9", "-2"]),
])  # fmt: skip
def test_names_of_many_countries(stage, names):
    assert {name: (is_known(name), stage_of(name)) for name in names} == dict.fromkeys(names, (True, stage))


@pytest.mark.parametrize("name", ["Obstructive apnea", "Arousal", "Supine", "Lights off", "RERA", "Snore", "Spindle",
                                  "Sleep spindle", "SpO2 artifact", "Stage shift", "", "7"])  # fmt: skip
def test_events_are_no_stages(name):
    assert not is_known(name)


@pytest.mark.parametrize("event", ["Obstructive apnea", "Arousal", "Supine", "Body movement", "Movement", "Artefact"])
def test_an_event_takes_no_stage_away(tmp_path, event):
    """Over the middle of an epoch, over several, and as a second text of the stage's own annotation."""
    extra = [(41, 25, event), (150, 95, event), (300, 30, event)]
    found = scored(write_edf(tmp_path / "h.edf", sorted(epochs() + extra, key=lambda one: one[0])))
    assert (found.stages.tolist(), found.notes) == (Y.tolist(), ())


def test_triggers_are_no_stages_where_stages_are_written_out(tmp_path):
    extra = [(7.0 * k, 0, str(k % 6)) for k in range(80)]
    found = scored(write_edf(tmp_path / "h.edf", sorted(epochs() + extra, key=lambda one: one[0])))
    assert found.stages.tolist() == Y.tolist()
    assert scored(write_edf(tmp_path / "h.edf", epochs(tuple("W1234R")))).stages.tolist() == Y.tolist()


def test_minutes_are_not_taken_for_seconds(tmp_path):
    (tmp_path / "h.csv").write_text("time,stage\n" + rows(lambda i, s: f"{i / 2},{s}"))
    with pytest.raises(DataError, match=r"expected onsets in seconds, got steps of 0\.5"):
        scored(tmp_path / "h.csv")
    (tmp_path / "h.csv").write_text("onset,stage\n0,W\n30,N2\n")
    assert read_scored(tmp_path / "h.csv", 100, START).notes == ("scoring: it covers 2 of the recording's 100 epochs",)


def test_a_second_text_in_an_annotation(tmp_path):
    path = write_edf(tmp_path / "h.edf", epochs())
    content = path.read_bytes().replace(b"Sleep stage 2\x14", b"Sleep stage 2\x14A\x14")
    content = content[:-100] + content[-100:].rstrip(b"\0")
    size = (len(content) - 512 + 1) // 2
    path.write_bytes(content[:472] + f"{size:<8}".encode() + content[480:] + b"\0" * (512 + 2 * size - len(content)))
    assert {"A"} < {text for tal in read_tals(path, read_header(path)) for text in tal.texts}
    assert scored(path).stages.tolist() == Y.tolist()


@pytest.mark.parametrize(("text", "got"), [
    ("epoch,stage\n0,W\n1,Light\n2,N2\n", "'Light'"), ("W\nDozing\nN2\n", "'Dozing'"), ("stage\nW\nN7\n", "'N7'"),
    ("stage\n0\n1\n2\n3\n4\n", "two meanings"), ("1\n2\n3\n4\n5\n", "two meanings"),
    ("onset,stage\n0,W\n30,X\n", "'X'"),
])  # fmt: skip
def test_unknown_names_are_listed_with_the_way_on(tmp_path, text, got):
    (tmp_path / "h.csv").write_text(text)
    with pytest.raises(DataError, match=r"h\.csv: .*--stage-names") as caught:
        read_hypnogram(tmp_path / "h.csv")
    assert got in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_names_among_annotations_are_refused_or_counted(tmp_path):
    names = ("Sleep stage W", "Sleep stage X", *("Sleep stage 2",) * 4)
    with pytest.raises(DataError, match=r"got 'Sleep stage X' \(2\)"):
        scored(write_edf(tmp_path / "h.edf", epochs(names)))
    found = scored(write_edf(tmp_path / "h.edf", epochs(("Dozing", *names[2:], "N2", "N2"))))
    assert np.count_nonzero(found.stages < 0) == np.count_nonzero(Y == 0)
    assert "scoring: these names are no stage that is known" in found.notes[0]
    assert "'Dozing' (6)" in found.notes[0]


def test_names_of_ones_own(tmp_path):
    (tmp_path / "names.txt").write_text("# ours\nLeicht = N1\nmittel;N2\ntief,N3\nTraum\tREM\nauf = W\n")
    names = read_stage_names(tmp_path / "names.txt")
    own = ("auf", "Leicht", "Mittel", "tief", "tief", "TRAUM")
    (tmp_path / "h.txt").write_text("\n".join(own[stage] for stage in Y))
    found = scored(tmp_path / "h.txt", names=names)
    assert (found.stages.tolist(), found.scheme) == (MERGED.tolist(), AASM)
    (tmp_path / "h.txt").write_text("\n".join("012334"[stage] for stage in Y))
    assert scored(tmp_path / "h.txt", names=read_stage_names("yasa")).stages.tolist() == MERGED.tolist()
    with pytest.raises(DataError, match="did you mean 'yasa'"):
        read_stage_names("yaza")
    (tmp_path / "names.txt").write_text("Leicht = schwer\n")
    with pytest.raises(DataError, match=r"line 1: expected such as 'WK = W', got 'Leicht = schwer'"):
        read_stage_names(tmp_path / "names.txt")


def clock(seconds, form="%H:%M:%S"):
    return (START + datetime.timedelta(seconds=seconds)).strftime(form)


LATE = datetime.datetime(2021, 3, 2, 23, 56, tzinfo=datetime.UTC)


def rows(line, names=RK_NAMES, first=0, order=None):
    kept = [(i, names[stage]) for i, stage in enumerate(Y) if i >= first]
    return "".join(line(i, name) + "\n" for i, name in (order(kept) if order else kept))


def by_name(kept):
    return sorted(kept, key=lambda one: one[1])


TABLES = {
    "numbers": "epoch,stage\n" + rows(lambda i, s: f"{i},{RK_NAMES.index(s)}"),
    "floats": "epoch,stage\n" + rows(lambda i, s: f"{i},{RK_NAMES.index(s)}.0"),
    "list of numbers": rows(lambda i, s: str(RK_NAMES.index(s))),
    "a list under its name": "Hypnogram\n" + rows(lambda i, s: s),
    "counted from 1": "Epoch,Sleep Stage\n" + rows(lambda i, s: f"{i + 1},{s}"),
    "runs": "onset\tduration\tstage\n" + "".join(f"{30 * a}\t{30 * n}\t{RK_NAMES[s]}\n" for a, n, s in runs()),
    "runs in any order": "onset,duration,stage\n" + "".join(
        f"{30 * a},{30 * n},{RK_NAMES[s]}\n" for a, n, s in sorted(runs(), key=lambda run: run[2])),
    "durations alone": "duration,stage\n" + "".join(f"{30 * n},{RK_NAMES[s]}\n" for a, n, s in runs()),
    "unsorted": "onset,stage\n" + rows(lambda i, s: f"{30 * i},{s}", order=by_name),
    "unsorted numbers": "epoch,stage\n" + rows(lambda i, s: f"{i},{s}", order=by_name),
    "clock": "No.,StartTime,stage\n" + rows(lambda i, s: f"{i},{clock(30 * i)},{s}"),
    "clock, unsorted": "Time,Stage\n" + rows(lambda i, s: f"{clock(30 * i)},{s}", order=by_name),
    "dates": "time;stage\n" + rows(lambda i, s: f"{clock(30 * i, '%Y-%m-%d %H:%M:%S')};{s}"),
    "half a day": "Clock Time,Stage\n" + rows(lambda i, s: f"{clock(30 * i, '%I:%M:%S %p')},{s}"),
    "elapsed": "onset,stage\n" + rows(lambda i, s: f"{datetime.timedelta(seconds=30 * i)},{s}"),
    "one second": "onset,stage\n" + rows(lambda i, s: "\n".join(f"{30 * i + k},{s}" for k in range(30))),
    "five seconds": "onset;stage\n" + rows(lambda i, s: "\n".join(f"{30 * i + 5 * k};{s}" for k in range(6))),
    "decimal comma": "onset;duration;stage\n" + rows(lambda i, s: f"{30 * i},0;30,00;{s}"),
    "preamble": "Patient: X\nScorer: Y\n\nSleep Stage\tTime [hh:mm:ss]\tDuration[s]\n" + rows(
        lambda i, s: f"{s}\t{clock(30 * i)}\t30"),
    "bids": "onset\tduration\ttrial_type\n41\t25\tapnea\n" + rows(lambda i, s: f"{30 * i}\t30\t{s}"),
    "quotes": '"epoch","stage"\n' + rows(lambda i, s: f'"{i}","{s}"'),
    "blank lines": "epoch,stage\n\n" + rows(lambda i, s: f"{i},{s}\n"),
}  # fmt: skip


@pytest.mark.parametrize("dress", TABLES)
def test_tables_in_every_dress(tmp_path, dress):
    path = tmp_path / ("h.tsv" if "\t" in TABLES[dress] else "h.csv")
    path.write_text(TABLES[dress])
    assert scored(path).stages.tolist() == Y.tolist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("text", [
    "\r\n".join(AASM_NAMES[stage] for stage in Y),
    ",Stage,Confidence\n" + rows(lambda i, s: f"{i},{s},0.9", AASM_NAMES),
    "sep=;\r\nEpoch;Stage;Anmerkung\r\n" + rows(lambda i, s: f"{i};{s};Müdigkeit", AASM_NAMES)])  # fmt: skip
def test_encodings(tmp_path, text, encoding):
    (tmp_path / "h.txt").write_bytes(text.encode(encoding))
    found = scored(tmp_path / "h.txt")
    assert (found.stages.tolist(), found.scheme) == (MERGED.tolist(), AASM)


def test_clocks_pass_midnight(tmp_path):
    times = [(LATE + datetime.timedelta(seconds=30 * i)).strftime("%H:%M:%S") for i in range(len(Y))]
    lines = [f"{time},{RK_NAMES[stage]}" for time, stage in zip(times, Y, strict=True)]
    (tmp_path / "h.csv").write_text("time,stage\n" + "\n".join(lines[4:]))
    assert read_scored(tmp_path / "h.csv", len(Y), LATE).stages.tolist() == [-1] * 4 + Y[4:].tolist()
    assert read_scored(tmp_path / "h.csv", len(Y)).notes[0].startswith("scoring: holds clock times, but the recording")


def test_a_clock_that_begins_before_the_recording(tmp_path):
    (tmp_path / "h.csv").write_text("time,stage\n" + rows(lambda i, s: f"{clock(30 * i - 60)},{s}"))
    assert scored(tmp_path / "h.csv").stages.tolist() == [*Y[2:].tolist(), -1, -1]


@pytest.mark.parametrize(
    ("factor", "note"), [((3, 2), "epochs of 20 s"), ((6, 1), "epochs of 5 s"), ((30, 1), "epochs of 1 s")]
)
def test_lists_of_other_epochs(tmp_path, factor, note):
    stages = np.repeat(np.repeat(Y, 3), 2)
    repeated = np.repeat(stages, factor[0])[:: 6 * factor[1]]
    (tmp_path / "h.txt").write_text("\n".join(RK_NAMES[stage] for stage in repeated))
    found = scored(tmp_path / "h.txt")
    assert note in found.notes[0]
    assert found.stages.tolist() == Y.tolist()


def test_lists_that_do_not_fit(tmp_path):
    (tmp_path / "h.txt").write_text("\n".join("W" * 33))
    with pytest.raises(DataError, match="expected 20 epochs of 30 s in the recording, got 33 lines"):
        scored(tmp_path / "h.txt")
    (tmp_path / "h.txt").write_text("\n".join("W" * 13))
    assert "13 lines are fewer than the 20 epochs" in scored(tmp_path / "h.txt").notes[0]
    (tmp_path / "h.txt").write_text("\n".join("W" * 22))
    assert scored(tmp_path / "h.txt").notes == (), "two more may be of a part of an epoch"


@pytest.mark.parametrize("events", [epochs(duration=0), epochs(duration=None), epochs(duration=30)])
def test_epochs_without_durations(tmp_path, events):
    assert scored(write_edf(tmp_path / "h.edf", events)).stages.tolist() == Y.tolist()


def test_runs_without_durations_hold_and_gaps_between_epochs_stay(tmp_path):
    changes = [(30 * a, None, f"Sleep stage {'W1234R'[stage]}") for a, _, stage in runs()]
    assert scored(write_edf(tmp_path / "h.edf", changes)).stages.tolist()[:-1] == Y[:-1].tolist()
    gap = [one for one in epochs(duration=None) if not 60 <= one[0] < 150]
    assert scored(write_edf(tmp_path / "h.edf", gap)).stages.tolist() == [0, 0, -1, -1, -1, *Y[5:].tolist()]


@pytest.mark.parametrize(("date", "time", "first", "note"), [
    (START.date(), datetime.time(22, 34), 8, "begins +240 s"),
    (datetime.date(1999, 1, 1), datetime.time(22, 34), 8, "placed by the clock"),
    (None, datetime.time(22, 34), 8, "placed by the clock"),
    (START.date(), datetime.time(22, 30), 0, None),
    (None, datetime.time(0, 0), 0, "does not say when it began"),
    (START.date(), datetime.time(0, 0), 0, "does not say when it began"),
])  # fmt: skip
def test_the_header_tells_when_a_scoring_begins(tmp_path, date, time, first, note):
    path = write_edf(tmp_path / "h.edf", epochs(first=first), date=date, clock=time)
    found = scored(path)
    assert found.stages.tolist() == [-1] * first + Y[first:].tolist()
    assert (note in " ".join(found.notes)) if note else found.notes == ()


def test_a_scoring_that_begins_after_midnight(tmp_path):
    path = write_edf(
        tmp_path / "h.edf", epochs(first=8), date=LATE.date() + datetime.timedelta(1), clock=datetime.time(0)
    )
    assert read_scored(path, len(Y), LATE).stages.tolist() == [-1] * 8 + Y[8:].tolist()


def test_stages_outside_the_recording_are_told(tmp_path):
    path = write_edf(tmp_path / "h.edf", epochs())
    assert read_scored(path, 5, START).notes == (
        "scoring: 7.5 of its 10.0 scored min lie outside the recording of 2.5 min",
    )


def test_latin_1_texts(tmp_path):
    path = write_edf(tmp_path / "h.edf", [*epochs(), (100, 0, "Bewegung, M\xfcdigkeit")])
    path.write_bytes(path.read_bytes().replace("M\xfcdigkeit".encode(), b"M\xfcdigkeit "))
    assert scored(path).stages.tolist() == Y.tolist()
    assert "Bewegung, Müdigkeit" in read_hypnogram(path).names


def test_an_epoch_has_the_stage_of_most_of_it():
    spans = [
        Span(0, 12, "W"),
        Span(12, 6, "N2"),
        Span(18, 12, "W"),
        Span(30, 15, "N1"),
        Span(45, 15, "N2"),
        Span(60, 14, "R"),
    ]
    assert on_grid(spans, 3).tolist() == [0, 2, -1]
    assert on_grid([Span(600, 30, "R")], 2, onsets=[0.0, 600.0]).tolist() == [-1, 5]


def test_both_schemes_of_numbers(tmp_path):
    (tmp_path / "h.txt").write_text("\n".join("012335"[stage] for stage in Y))
    assert scored(tmp_path / "h.txt").scheme is RK


NSRR_NAMES = ("Wake|0", "Stage 1 sleep|1", "Stage 2 sleep|2", "Stage 3 sleep|3", "Stage 4 sleep|4", "REM sleep|5")


def event(kind, name, start, duration):
    return (f"<ScoredEvent><EventType>{kind}</EventType><EventConcept>{name}</EventConcept><Start>{start}</Start>"
            f"<Duration>{duration}</Duration></ScoredEvent>")  # fmt: skip


MACHINE = (
    '<MachineStaging><NeuroAdultAASMStaging><Stage Type="REM" Start="0"/></NeuroAdultAASMStaging></MachineStaging>'
)
EMBLA_NAMES = ("SLEEP-S0", "SLEEP-S1", "SLEEP-S2", "SLEEP-S3", "SLEEP-S4", "SLEEP-REM")


def philips(names, *, begins=True, by="UserStaging"):
    """Return a study of Sleepware; the machine's staging in it says something else."""
    stages = "".join(f'<Stage Type="{names[s]}" Start="{30 * a}" />' for a, _, s in runs())
    start = f"<RecordingStart>{START:%Y-%m-%dT%H:%M:%S}</RecordingStart>" if begins else ""
    return (f'<?xml version="1.0"?><PatientStudy xmlns="http://www.respironics.com/PatientStudy.xsd">'
            f"<Acquisition><Sessions>"
            f"<Session>{start}<Duration>600</Duration></Session></Sessions></Acquisition><ScoringData><Events>"
            f'<Event Family="Respiratory" Type="Hypopnea" Start="41" Duration="25"/></Events><StagingData>{MACHINE}'
            f"<{by}><NeuroAdultAASMStaging>{stages}</NeuroAdultAASMStaging></{by}></StagingData></ScoringData>"
            f"</PatientStudy>")  # fmt: skip


def embla(names, shift=0):
    """Return events of Embla; lights out and an arousal among the stages."""

    def one(name, begin, seconds):
        times = [START + datetime.timedelta(seconds=shift + t) for t in (begin, begin + seconds)]
        text = [f"{time:%Y-%m-%dT%H:%M:%S.%f}" for time in times]
        return f"<Event><Type>{name}</Type><StartTime>{text[0]}</StartTime><StopTime>{text[1]}</StopTime></Event>"

    stages = [one(names[stage], 30 * i, 30) for i, stage in enumerate(Y)]
    others = [one("LIGHTS-OFF", 5, 0), one("AROUSAL", 41, 12)]
    return f"<EventExport><Events>{''.join([*others, *stages])}</Events></EventExport>"


EXPORTS = {
    "nsrr.xml": "<PSGAnnotation><EpochLength>30</EpochLength><ScoredEvents>"
    + event("", "Recording Start Time", 0, 600)
    + "".join(event("Stages|Stages", NSRR_NAMES[s], 30.0 * a, 30.0 * n) for a, n, s in runs())
    + event("Respiratory|Respiratory", "Obstructive apnea|Obstructive Apnea", 41.5, 25.2)
    + "</ScoredEvents></PSGAnnotation>",
    "compumedics.xml": "<CMPStudyConfig><EpochLength>30</EpochLength><ScoredEvents><ScoredEvent><Name>SpO2 desaturation"
    "</Name><Start>11</Start><Duration>40</Duration></ScoredEvent></ScoredEvents><SleepStages>"
    + "".join(f"<SleepStage>{s}</SleepStage>" for s in Y)
    + "</SleepStages></CMPStudyConfig>",
    "numbers.json": str([int(s) for s in Y]),
    "names.json": '{"hypnogram": [' + ",".join(f'"{RK_NAMES[s]}"' for s in Y) + "]}",
    "remlogic.txt": "RemLogic Event Export\nPatient:\tx\n\nSleep Stage\tPosition\tTime [hh:mm:ss]\tEvent\tDuration[s]\n"
    + rows(lambda i, s: f"{s}\tSupine\t{clock(30 * i)}\tSLEEP-{s}\t30\n{s}\tSupine\t{clock(30 * i + 4)}\tMCAP-A1\t6"),
    "cap.txt": "REPORT OF SLEEP\nEvents Included: MCAP-A1,SLEEP-S2\n\n"
    "Sleep Stage\tPosition\tTime [hh:mm:ss]\tEvent\tDuration [s]\tLocation\n"
    + rows(lambda i, s: f"{s}\tSupine\t{clock(30 * i, '%H.%M.%S')}\tSLEEP-{s}\t30\tROC-LOC"),
    "french.txt": "Stade de sommeil\tPosition\tHeure [hh:mm:ss]\tEvénement\tDurée[s]\n"
    + rows(lambda i, s: f"{s}\tDos\t{clock(30 * i)}\tSLEEP-{s}\t30"),
    "stop.csv": "start,stop,stage\n" + "".join(f"{30 * a},{30 * (a + n)},{RK_NAMES[s]}\n" for a, n, s in runs()),
    "clocks.csv": "Start Time,End Time,Sleep Stage\n"
    + "".join(f"{clock(30 * a)},{clock(30 * (a + n))},{RK_NAMES[s]}\n" for a, n, s in runs()),
    "luna.annot": "# from Luna\nclass\tinstance\tchannel\tstart\tstop\tmeta\narousal\t.\t.\t41.0\t45.5\t.\n"
    + rows(lambda i, s: f"{s}\t.\t.\t{30 * i}.0\t{30 * i + 30}.0\t."),
    "luna.eannot": rows(lambda i, s: s),
    "visbrain.txt": "*Duration_sec\t600.0\n*Datafile\tnight.edf\n"
    + "".join(f"{RK_NAMES[s].replace('W', 'Wake')}\t{30.0 * (a + n)}\n" for a, n, s in runs()),
    "visbrain.csv": "".join(f"{RK_NAMES[s]}\t{30.0 * (a + n)}\n" for a, n, s in runs()),
    "begins.txt": "".join(f"{RK_NAMES[s]} {30 * a}\n" for a, n, s in runs()),
    "elan.hyp": "time_base 1.000000\nsampling_period 0.01\nepoch_nb 600\nepoch_list\n"
    + rows(lambda i, s: "\n".join([str(RK_NAMES.index(s))] * 30)),
    "sleepware.rml": philips(("Wake", "NonREM1", "NonREM2", "NonREM3", "NonREM4", "REM")),
    "alice.xml": philips(("Wake", "NonREM1", "NonREM2", "NonREM3", "NonREM4", "REM"), begins=False),
    "embla.xml": embla(EMBLA_NAMES),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_exports(tmp_path, name):
    (tmp_path / name).write_text(EXPORTS[name])
    assert scored(tmp_path / name).stages.tolist() == Y.tolist()


def test_dreem_has_rem_as_4(tmp_path):
    (tmp_path / "h.json").write_text(str([-1, *(int("012334"[stage]) for stage in Y[1:])]))
    assert scored(tmp_path / "h.json").stages.tolist() == [-1, *MERGED[1:].tolist()]


@pytest.mark.parametrize(("name", "text"), [
    ("h.xml", "<PSGAnnotation>"), ("h.xml", "<a/>"), ("h.json", "{}"), ("h.json", "[["), ("h.json", "[[1]]"),
    ("h.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')])  # fmt: skip
def test_exports_of_another_kind(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match="cannot be read as an export"):
        scored(tmp_path / name)


def test_numbers_that_visbrain_explains(tmp_path):
    """REM is 0 and Wake 5 in some of its files."""
    (tmp_path / "h.txt").write_text("\n".join(str([5, 3, 2, 1, 1, 0][stage]) for stage in np.repeat(Y, 30)))
    (tmp_path / "h_description.txt").write_text("time 1.0\nW 5\nN1 3\nN2 2\nN3 1\nREM 0\nArt -1\n")
    found = scored(tmp_path / "h.txt")
    assert (found.stages.tolist(), found.scheme) == (MERGED.tolist(), AASM)


def test_times_of_ends_are_said(tmp_path):
    (tmp_path / "h.txt").write_text(EXPORTS["visbrain.txt"])
    assert scored(tmp_path / "h.txt").notes == (
        "scoring: its times are taken as the ends of the stages, as Visbrain writes them",
    )


@pytest.mark.parametrize("shift", [-60, 0, 90])
def test_embla_is_placed_by_the_clock(tmp_path, shift):
    (tmp_path / "h.xml").write_text(embla(EMBLA_NAMES, shift))
    expected = np.full(len(Y), -1)
    for i, stage in enumerate(Y):
        if 0 <= i + shift // 30 < len(Y):
            expected[i + shift // 30] = stage
    assert scored(tmp_path / "h.xml").stages.tolist() == expected.tolist()
    assert "the recording does not say when it began" in " ".join(read_scored(tmp_path / "h.xml", len(Y)).notes)


def test_the_machine_of_sleepware_where_nobody_scored(tmp_path):
    text = philips(("Wake", "NonREM1", "NonREM2", "NonREM3", "NonREM4", "REM"), by="MachineStaging")
    text = text.replace(MACHINE, "")
    (tmp_path / "h.rml").write_text(text)
    assert scored(tmp_path / "h.rml").stages.tolist() == Y.tolist()


def test_stages_of_sleepware_that_are_not_known(tmp_path):
    text = philips(("Wake", "NonREM1", "NotScored", "NonREM3", "NonREM4", "REM"))
    (tmp_path / "h.rml").write_text(text)
    assert scored(tmp_path / "h.rml").stages.tolist() == np.where(Y == 2, -1, Y).tolist()


@pytest.mark.parametrize("name", ["h.hyp", "h.edf", "h.rec"])
def test_a_channel_of_numbers(tmp_path, name):
    """As the first Sleep-EDF had them: EDF whose one signal is the hypnogram; .rec and .hyp are EDF by content."""
    signal = edfio.EdfSignal(np.append(Y, [6, 9]).astype(float), 1 / 30, label="hypnogram", physical_range=(0, 9))
    edfio.Edf([signal], starttime=CLOCK, recording=edfio.Recording(startdate=DAY), data_record_duration=30).write(
        tmp_path / name
    )
    assert read_scored(tmp_path / name, len(Y) + 2, START).stages.tolist() == [*Y.tolist(), -1, -1]


def test_a_recording_without_stages_is_no_hypnogram(tmp_path):
    signal = edfio.EdfSignal(np.zeros(3000), 100, label="EEG Fpz-Cz", physical_range=(-1, 1))
    edfio.Edf([signal]).write(tmp_path / "h.edf")
    with pytest.raises(DataError, match="cannot be read as annotations: it has none"):
        scored(tmp_path / "h.edf")


@pytest.mark.parametrize(("text", "sidecar"), [
    ("time_base x\nsampling_period 0.01\nepoch_nb 2\nepoch_list\n0\n1\n", None),
    ("time_base\nsampling_period 0.01\nepoch_nb 2\nepoch_list\n0\n1\n", None),
    ("0\n1\n", "time x\nW 0\n")])  # fmt: skip
def test_damaged_headers(tmp_path, text, sidecar):
    (tmp_path / "h.txt").write_text(text)
    if sidecar:
        (tmp_path / "h_description.txt").write_text(sidecar)
    with pytest.raises(DataError, match="its header cannot be read"):
        scored(tmp_path / "h.txt")


@pytest.mark.parametrize("text", [
    rows(lambda i, s: f"{s} {i + 1}"), rows(lambda i, s: f"{RK_NAMES.index(s)} {i + 1}"),
    rows(lambda i, s: f"{RK_NAMES.index(s)} {30 * (i + 1)}")],
    ids=["names", "numbers", "numbers and seconds"])  # fmt: skip
def test_numbers_of_epochs_are_not_taken_for_seconds(tmp_path, text):
    (tmp_path / "h.txt").write_text(text)
    with pytest.raises(DataError, match="--stage-names"):
        scored(tmp_path / "h.txt")
