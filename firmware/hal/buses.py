# SPI and I2C ports, and pulse inputs, as the profile connects them.
# MIT license; part of microevse

import machine

SPI_HZ = 2000000  # long wires to a reader in the door; both readers take 5 MHz and more
I2C_HZ = 100000  # PN532: clock stretching makes 400 kHz doubtful
_SPI_ID = 1


def open_spi(cfg):
    """(SPI, chip select) for the pins sck, mosi, miso, cs of `cfg`: mode 0, high bit first."""
    pin = machine.Pin
    spi = machine.SPI(
        _SPI_ID,
        baudrate=SPI_HZ,
        polarity=0,
        phase=0,
        sck=pin(cfg["sck"]),
        mosi=pin(cfg["mosi"]),
        miso=pin(cfg["miso"]),
    )
    return spi, pin(cfg["cs"], pin.OUT, value=1)


def open_i2c(cfg):
    """I2C for the pins scl and sda of `cfg`."""
    return machine.I2C(0, scl=machine.Pin(cfg["scl"]), sda=machine.Pin(cfg["sda"]), freq=I2C_HZ)


def reset_pin(cfg):
    """Output for the pin `reset`, not active; None where it is not connected."""
    number = cfg.get("reset")
    return None if number is None else machine.Pin(number, machine.Pin.OUT, value=1)


def pulse_pin(number):
    """(pin, trigger for both edges) of a contact to ground."""
    pin = machine.Pin(number, machine.Pin.IN, machine.Pin.PULL_UP)
    return pin, machine.Pin.IRQ_RISING | machine.Pin.IRQ_FALLING
