"""Matrix products of numpy stay on the thread that asks for them."""

from __future__ import annotations

from threadpoolctl import ThreadpoolController


def one_thread_a_product() -> None:
    """Keeps the threads of OpenBLAS from the processors, for this process.

    They wait for more work by turning in circles, 20 ms long, on the very cores that the encoder
    has its threads on: the small product behind each batch made encoding half as fast. That of
    torch is left alone: there it is the encoder.
    """
    for library in ThreadpoolController().lib_controllers:
        if library.internal_api == "openblas" and "torch" not in library.filepath:
            library.set_num_threads(1)
