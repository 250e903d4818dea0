# Signatures of a bundle header, made with the openssl command.
# MIT license; part of microevse
"""Test vectors of both kinds of keys; `signed(line, signature)` is the bundle."""

from binascii import unhexlify

from slot_bench import image, pack
from slots import keys

# Made with openssl: throw-away keys, and the texts that they signed (see `signed`).
RSA_KEY = (
    "rsa 9679e9a31d6e6b23dff225229abebbf12d3d3aebd47887e31541882c612e94c272bc9950cc1e7f09b448"
    "76e82eb9b217a244c32b393ebe7fbe11bbf6f8932f1ece008fec294c4c221f5ba7480bed1afc4fbce5685ab5"
    "d93db4c2cabc53df2f5e47c9ce5fa183d924e34f0a96047464194d190d99ff7a54838b23b749ac9fe9eeabf1"
    "48fd4ea44d5ba624ab2eacee84139d145486926c8efc0586bb022b847cd068ccfa23063eb6a8b630d112bfe5"
    "58239456d90efe5bfd191964e6bca9a8a874357af30e8d04fe8198e98da92775036c9bbfd24ef6576920ed51"
    "97f3b9f2a72988590ab6348e68c78f2354728d475ab51a4b99f37628ec72b9e7aa36df4f1245 10001"
)
RSA_SIGNATURE = (
    "2853f2a7b8070e9f1771fbe55cc0fbf1a0b39bc23a90da0343eaa3e3157e70db9ed79dc249b6a240f0b37983"
    "b05cb436310ed3beb7433ffdb1ef0cd5569f0aa5d6bcefa4498f67f6b26c21ab62832bb747505ed983d02698"
    "0de99c657d3014738302d8596e32725e4af967e71f8d4beed6fa31c1a013fb8b637ffd85d98186966198a423"
    "5ab8fe0d630d1ea60d29eac0db77fb2f4bb9f95d309680507f7407054a2eeee54714b0d4d7328bc45a1ce6e7"
    "bc115da9a744bcfb5ad3945ec973f97fed266336b3a2fda8ad7152d3ccc5c90322ae3cfdda2668b04e934b96"
    "4388a12d412699aafdc1a5957fda7c13488bbc7fe18588cd28966672d2f8e6672b824f83"
)
P256_KEY = (
    "p256 b496d01275a43ac82d26ae9a6ad464cc61237cd68fdfc12f4a4eb6366a64aec8 594240ba5ed4936d91"
    "79ec41ad362cbfac85955f889ef0792847de2d5b9f1827"
)
P256_SIGNATURE = (
    "04689125d77d081131aa652fe97f297b302ae279037fe788ab12282d5c8ef2dabbaf7e57e9bb4904004e83e9"
    "5e38781ae5908908d2be7d5cf3852d4d928a9ee9"
)
IMAGE = image(9, 1)


def signed(line, signature):
    return pack(IMAGE, "1.2.3", sign=lambda _: unhexlify(signature), key=keys.key_id(line))
