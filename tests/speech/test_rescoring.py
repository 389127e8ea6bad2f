"""Which hypothesis of unclear sound is kept, and which sound is unclear."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import fftconvolve, firwin

from speech.audio import RATE
from speech.rescoring import is_narrow, likeliest


def test_of_nearly_equal_hypotheses_the_one_of_common_words_is_kept() -> None:
    assert likeliest([("行业正策环境持续走好", -0.30), ("行业政策环境持续走好", -0.32)]) == 1


def test_a_clear_lead_is_not_overruled() -> None:
    assert likeliest([("行业正策环境持续走好", -0.10), ("行业政策环境持续走好", -0.90)]) == 0


def test_a_hypothesis_that_leaves_words_out_is_not_kept_however_common_it_is() -> None:
    assert likeliest([("行业正策环境持续走好", -0.30), ("好", -0.30)]) == 0


def test_a_hypothesis_that_repeats_itself_is_not_kept_however_sure_it_is() -> None:
    assert likeliest([("行业正策环境持续走好", -0.30), ("行业政策环境持续走好" * 4, -0.05)]) == 0


def test_a_name_that_may_be_said_counts_as_a_word() -> None:
    heard = [("我们用的是擎铭软件", -0.30), ("我们用的是清明软件", -0.31)]

    assert (likeliest(heard), likeliest(heard, names=["擎铭软件"])) == (1, 0)


@pytest.mark.parametrize(("by_telephone", "narrow"), [(True, True), (False, False)])
def test_a_sound_is_narrow_by_what_it_holds_and_not_by_its_rate(by_telephone: bool, narrow: bool) -> None:
    wide = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32) * 0.1
    heard = fftconvolve(wide, firwin(511, 3800, fs=RATE), mode="same") if by_telephone else wide

    assert is_narrow(np.asarray(heard, np.float32)) is narrow


def test_silence_is_not_narrow() -> None:
    assert not is_narrow(np.zeros(RATE, np.float32))
