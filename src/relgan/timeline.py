"""What a video's faces showed over time, in bounded memory, and the plot of it."""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relgan.expressions import CANONICAL
from relgan.files import whole
from relgan.tracks import PATIENCE

BINS = 1024  # of a track, at most; when they are full, neighbours are merged
TRACKS = 64  # that are kept; the shortest are forgotten
PLOTTED = 6

# One colour an expression wherever one is drawn, told apart by the colour-blind (Okabe and Ito's).
COLOURS = dict(
    zip(
        CANONICAL,
        ("#D55E00", "#882255", "#009E73", "#CC79A7", "#F0B400", "#999999", "#0072B2", "#56B4E9"),
        strict=True,
    )
)


@dataclass(slots=True, eq=False)
class TrackTimes:
    """One face over time.

    Attributes:
        number: of the track.
        first, last: seconds.
        rows: in how many frames it was seen.
        sums: (BINS, C) probabilities added up within each bin.
        counts: (BINS,) frames in each bin.
        wins: (C,) frames in which each expression was the most likely.
    """

    number: int
    first: float
    last: float
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    wins: NDArray[np.int64]
    rows: int = 0


@dataclass(eq=False)
class Timeline:
    """The faces of one video.

    Attributes:
        classes: the expressions.
        width: seconds a bin; doubles whenever the video outgrows its bins.
        tracks: by number.
        forgotten: tracks that were dropped, for there were too many.
    """

    classes: list[str]
    width: float = 0.1
    tracks: dict[int, TrackTimes] = field(default_factory=dict)
    forgotten: int = 0

    def add(self, time_s: float, number: int, probabilities: NDArray[np.float64]) -> None:
        """Take in one face of one frame; ``probabilities`` is (C,)."""
        while time_s >= self.width * BINS:
            self.width *= 2
            for track in self.tracks.values():
                pairs = track.sums.reshape(BINS // 2, 2, -1).sum(1)
                track.sums = np.concatenate([pairs, np.zeros_like(pairs)])
                counts = track.counts.reshape(BINS // 2, 2).sum(1)
                track.counts = np.concatenate([counts, np.zeros_like(counts)])
        if number not in self.tracks:
            # Only who cannot come back; those of one moment are few.
            gone = [track for track in self.tracks.values() if time_s - track.last > PATIENCE]
            if len(self.tracks) >= TRACKS and gone:
                shortest = min(gone, key=lambda t: (t.rows, t.last))
                del self.tracks[shortest.number]
                self.forgotten += 1
            classes = len(self.classes)
            self.tracks[number] = TrackTimes(
                number,
                time_s,
                time_s,
                np.zeros((BINS, classes)),
                np.zeros(BINS, np.int64),
                np.zeros(classes, np.int64),
            )
        track = self.tracks[number]
        track.last, track.rows = max(track.last, time_s), track.rows + 1
        place = min(int(time_s / self.width + 1e-6), BINS - 1)  # 0.3 / 0.1 is a little less than 3
        track.sums[place] += probabilities
        track.counts[place] += 1
        track.wins[int(probabilities.argmax())] += 1

    def lines(self) -> list[str]:
        """A line for each track: when, how often, and what it showed most."""
        lines = []
        for track in sorted(self.tracks.values(), key=lambda t: t.number):
            order = np.argsort(-track.wins, kind="stable")[:3]
            shares = [
                f"{self.classes[k]} {100 * track.wins[k] / track.rows:.0f} %" for k in order if track.wins[k]
            ]
            seen = f"{track.first:.1f} to {track.last:.1f} s, {track.rows} frames"
            lines.append(f"face {track.number}  {seen}  {', '.join(shares)}")
        if self.forgotten:
            lines.append(f"and {self.forgotten} faces seen briefly")
        return lines

    def plot(self, path: Path, title: str) -> bool:
        """Write the probabilities over time of the longest tracks as a PNG; False where there is no face."""
        from matplotlib.figure import Figure

        shown = sorted(self.tracks.values(), key=lambda t: (-t.rows, t.number))[:PLOTTED]
        if not shown:
            return False
        shown.sort(key=lambda t: t.number)
        figure = Figure(figsize=(10, 1.2 + 1.9 * len(shown)), layout="constrained")
        rows: Any = figure.subplots(len(shown), 1, sharex=True, squeeze=False)
        end = max(track.last for track in shown)
        bins = max(1, int(end / self.width + 1e-6) + 1)
        # Frames rarer than bins leave holes that are no absence: bins are as wide as frames are apart.
        filled = max(int((track.counts[:bins] > 0).sum()) for track in shown)
        span = max((track.last - track.first) / self.width for track in shown)
        step = max(1, round(span / max(filled, 1)))
        count = -(-bins // step)
        times = (np.arange(count) + 0.5) * self.width * step
        for track, (axes,) in zip(shown, rows, strict=True):
            sums = np.zeros((count * step, len(self.classes)))
            counts = np.zeros(count * step)
            sums[:bins], counts[:bins] = track.sums[:bins], track.counts[:bins]
            sums = sums.reshape(count, step, -1).sum(1)
            counts = counts.reshape(count, step).sum(1)
            means = sums / np.maximum(counts, 1)[:, None]
            means = bridged(means, counts > 0, round(1 / (self.width * step))).T
            bottom = np.zeros(count)
            for name, values in zip(self.classes, means, strict=True):
                axes.bar(
                    times, values, self.width * step, bottom, color=COLOURS.get(name, "#444444"), label=name,
                    align="center", linewidth=0,
                )  # fmt: skip
                bottom += values
            axes.set(ylim=(0, 1), xlim=(0, max(end, self.width * step)), ylabel=f"face {track.number}")
            axes.set_yticks([0, 0.5, 1])
        rows[-1][0].set_xlabel("seconds")
        handles, names = rows[0][0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False, fontsize=9)
        rest = len(self.tracks) + self.forgotten - len(shown)
        safe = title.encode("utf-8", "replace").decode().replace("$", r"\$")
        figure.supxlabel(safe + (f" (and {rest} faces seen more briefly)" if rest else ""), fontsize=9)
        with whole(path) as beside:
            figure.savefig(beside, dpi=110, format="png")
        return True


def bridged(means: NDArray[np.float64], seen: NDArray[np.bool_], longest: int) -> NDArray[np.float64]:
    """Rows (N, C) with holes of up to ``longest`` rows between seen ones filled by the row before them: a
    face missed for a moment has not gone."""
    result = means.copy()
    places = np.flatnonzero(seen)
    for before, after in pairwise(places.tolist()):
        if 1 < after - before <= longest + 1:
            result[before + 1 : after] = means[before]
    return result
