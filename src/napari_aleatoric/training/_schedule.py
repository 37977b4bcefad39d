"""How the learning rate falls, and at which steps checkpoints are kept."""

from __future__ import annotations

import math

from ._model_spec import TrainSpec

__all__ = ["checkpoint_steps", "rate_factor"]

_POWER = 0.9
_WARM = 0.05  # first part of the training in which the rate rises
_LEAST = 0.05  # of the rate at the end of half a cosine


def rate_factor(step: int, total: int, spec: TrainSpec) -> float:
    """Return the factor of the learning rate in a step.

    Parameters
    ----------
    step : int
        Counted from 0.
    total : int
        Steps of the whole training.
    spec : TrainSpec
        Its schedule: ``poly``, (1 − p)^0.9 of the part p that is done, and ``cosine``, half a cosine down to 5 %,
        both after a short rise; ``cyclic``, (1 − min(t, γ·T_c)/T)^0.9 with t the step within a cycle of T_c steps
        and T all steps, as the code of MedCLIP-SAMv2 (arXiv 2409.19483) has it with epochs for steps.
    """
    if spec.schedule == "cyclic":
        cycle = total / spec.cycles
        within = step % cycle
        return float((1 - min(within, spec.gamma * cycle) / total) ** _POWER)
    part = step / total
    if part < _WARM:
        return (part + 0.01) / (_WARM + 0.01)
    part = (part - _WARM) / (1 - _WARM)
    if spec.schedule == "poly":
        return float((1 - part) ** _POWER)
    return _LEAST + (1 - _LEAST) * 0.5 * (1 + math.cos(math.pi * part))


def checkpoint_steps(total: int, spec: TrainSpec) -> dict[int, str]:
    """Return after how many steps which checkpoint is kept: name by number of steps; empty unless ``cyclic``.

    Evenly over the part of every cycle in which the rate stays, the last at its end. (The released code keeps the
    last ten epochs but one of a cycle; steps so close to each other would all say the same in a short training.)
    """
    if spec.schedule != "cyclic":
        return {}
    cycle, found = total / spec.cycles, {}
    for number in range(spec.cycles):
        for k in range(spec.checkpoints_per_cycle):
            part = spec.gamma + (1 - spec.gamma) * (k + 1) / spec.checkpoints_per_cycle
            found[max(1, min(total, round((number + part) * cycle)))] = f"cycle{number + 1}-{k + 1:02d}"
    return found
