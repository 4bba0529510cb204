"""L1 and L2 against NumPy."""

import numpy as np
import pytest
import torch

from translate.losses import l1, l2

DEFINITIONS = {l1: lambda a, b: np.mean(np.abs(a - b)), l2: lambda a, b: np.mean((a - b) ** 2)}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 17), (4, 3, 8, 6)])
@pytest.mark.parametrize("loss", DEFINITIONS)
def test_equals_its_definition(loss, shape):
    estimate, reference = torch.randn(2, *shape, dtype=torch.float64)
    value = loss(estimate.float(), reference.float())
    assert (value.dtype, value.shape) == (torch.float32, ())
    np.testing.assert_allclose(value, DEFINITIONS[loss](estimate.numpy(), reference.numpy()), rtol=1e-5)


@pytest.mark.parametrize("loss", DEFINITIONS)
def test_nothing_is_broadcast(loss):
    with pytest.raises(ValueError, match=r"\(2, 3, 8\) and \(2, 1, 8\)"):
        loss(torch.zeros(2, 3, 8), torch.zeros(2, 1, 8))


@pytest.mark.parametrize("loss", DEFINITIONS)
def test_half_precision_is_compared_in_float32(loss):
    estimate, reference = torch.randn(2, 4, 3, 16).bfloat16()
    assert loss(estimate, reference) == loss(estimate.float(), reference.float())
