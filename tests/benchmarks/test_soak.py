"""A soak test is judged by three samples."""

from benchmarks.soak import Sample, key_samples


def test_the_middle_sample_is_the_first_with_half_of_the_requests() -> None:
    samples = [Sample(requests, {}) for requests in (0, 30, 49, 50, 80, 100)]

    assert [sample.requests for sample in key_samples(samples)] == [0, 50, 100]
