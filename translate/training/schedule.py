"""The learning rate over the steps: constant, then linear to zero."""


def rate_factor(step: int, steps: int, decay_from: float) -> float:
    """Return the factor on the learning rate at `step` (the first is 0).

    1 for the first `decay_from * steps` steps, then falling linearly, to reach 0 right after the last step, as
    the schedules of pix2pix, CycleGAN and CycleGAN-VC(2) do.
    """
    start = decay_from * steps
    if step < start:
        return 1.0
    return max(steps - step, 0) / max(steps - start, 1)
