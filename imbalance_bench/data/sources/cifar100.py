"""`cifar100`: 32x32 colour photographs in a hundred fine classes (Krizhevsky 2009)."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.data.torchvision_sets import CifarSource

_FINE = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


@dataclass(frozen=True)
class Cifar100(CifarSource):
    """50000 training and 10000 test images, uint8 (N, 3, 32, 32); validation is drawn from the former."""

    name = "cifar100"
    aliases = ("cifar-100",)
    summary = "32x32 colour photographs, 50000 + 10000 rows in a hundred classes"
    torchvision = "CIFAR100"
    folder = "cifar-100-python"
    files = ("train", "test", "meta")
    classes = tuple(_FINE.split())
