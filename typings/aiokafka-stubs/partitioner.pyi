"""How a producer chooses the partition of a key; aiokafka leaves it untyped."""

class DefaultPartitioner:
    @classmethod
    def __call__(cls, key: bytes, all_partitions: list[int], available: list[int]) -> int: ...

def murmur2(data: bytes) -> int: ...
