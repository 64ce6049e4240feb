"""Models of images read pixel by pixel, with the published sizes of permuted sequential MNIST."""

from __future__ import annotations

from torch import nn

from sciformer.mixers import LMU, Pipeline, Window
from sciformer.mixers.normalisation import BatchNorm
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.pooling import Last
from sciformer.spiking import LinearReadoutLMU


def permuted_pixels_model(classes: int = 10) -> SequenceClassifier:
    """One memory of order 468 over 784 pixels, 166,798 parameters.

    Source: the psMNIST notebook of the code of arXiv 2402.04882.
    """
    embedding = Pipeline(linear=nn.Linear(1, 3), norm=BatchNorm(3))
    body = Pipeline(embedding=embedding, lmu=LMU(3, Window(468, 784.0), hidden=346))
    return SequenceClassifier(body, 346, classes, dropout=0.4)


def spiking_permuted_pixels_model(classes: int = 10) -> SequenceClassifier:
    """One spiking memory of order 468 over 784 pixels, not embedded; 166,092 parameters."""
    body = Pipeline(lmu=LinearReadoutLMU(1, Window(468, 784.0), hidden=346))
    return SequenceClassifier(body, 346, classes, dropout=0.4)


def last_memory_model(classes: int = 10) -> SequenceClassifier:
    """One memory of order 468 over 784 pixels, read once at the end; 166,092 parameters.

    Training costs a matrix product a sequence instead of a memory a pixel.

    Source: Chilkuri and Eliasmith 2021, section 4.1, for the sizes.
    Deviates: their dense layer after the read-out is left out.
    """
    body = Pipeline(lmu=LMU(1, Window(468, 784.0), hidden=346))
    return SequenceClassifier(body, 346, classes, dropout=0.4, pooling=Last())
