"""The 18 weak features of the real feature file and the protocol of three rows measured on them."""

import warnings

import numpy as np
from real_nights import FLOOR, WEAK_BANDS
from scipy.signal import welch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore", category=FutureWarning)
ROWS = ("boosted trees, features as they are", "+ relative to their own night", "+ averaged with logistic regression")


def weak_features(X: np.ndarray) -> np.ndarray:
    """Return the 18 features of epochs in volts, (n_epochs, 2, 3000) -> (n_epochs, 18)."""
    return np.hstack([_channel(X[:, c]) for c in range(X.shape[1])])


def _channel(x: np.ndarray) -> np.ndarray:
    frequencies, density = welch(x, fs=100.0, nperseg=256)
    inside = [(frequencies >= low) & (frequencies <= high) for low, high in WEAK_BANDS]
    logs = np.log(np.stack([density[:, i].mean(1) for i in inside], axis=1) + FLOOR)
    variance = x.var(axis=1) + FLOOR
    mobility = np.sqrt(np.diff(x, axis=1).var(axis=1) / variance)
    return np.column_stack([logs, logs[:, 1] / logs[:, 2], logs[:, 2] / logs[:, 0], np.log(variance), mobility])


def relative(x: np.ndarray) -> np.ndarray:
    """Return features relative to their own night (median, IQR)."""
    q25, q50, q75 = np.percentile(x, [25, 50, 75], axis=0)
    return (x - q50) / (q75 - q25 + 1e-9)


def boost() -> HistGradientBoostingClassifier:
    """Return the boosted trees of the measured rows."""
    return HistGradientBoostingClassifier(max_iter=150, learning_rate=0.08, random_state=0)


def logreg():
    """Return the logistic regression of the measured rows."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=400))


def out_of_subject(make, features: dict, y: dict, subject: dict) -> np.ndarray:
    """Return probabilities of every epoch from models that never saw its subject, nights in sorted order."""
    records, proba = sorted(features), {}
    for held_out in sorted(set(subject.values())):
        train = [r for r in records if subject[r] != held_out]
        model = make().fit(np.concatenate([features[r] for r in train]), np.concatenate([y[r] for r in train]))
        proba |= {r: model.predict_proba(features[r]) for r in records if subject[r] == held_out}
    return np.concatenate([proba[r] for r in records])


def scores(truth: np.ndarray, proba: np.ndarray) -> tuple[float, float]:
    """Return balanced accuracy x 100 of the argmax, and after division by the mean posterior."""
    plain, corrected = proba.argmax(1), (proba / proba.mean(0)).argmax(1)
    return 100 * balanced_accuracy_score(truth, plain), 100 * balanced_accuracy_score(truth, corrected)


def three_rows(X: dict, y: dict, subject: dict) -> list[tuple[float, float]]:
    """Return the scores of :data:`ROWS`, leaving one subject out."""
    truth = np.concatenate([y[r] for r in sorted(y)])
    both = {r: np.hstack([X[r], relative(X[r])]) for r in X}
    trees = out_of_subject(boost, both, y, subject)
    probas = [out_of_subject(boost, X, y, subject), trees, (trees + out_of_subject(logreg, both, y, subject)) / 2]
    return [scores(truth, p) for p in probas]
