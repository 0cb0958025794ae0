import zlib

from django.db import models


def hue_of(version):
    """Give each release a colour of its own."""
    return zlib.crc32(version.encode()) % 360


class Entry(models.Model):
    name = models.CharField(max_length=60)
    message = models.TextField(max_length=500)
    written = models.DateTimeField(auto_now_add=True)
    release = models.CharField(max_length=20, help_text="the version of the site that stored the entry")

    @property
    def hue(self):
        return hue_of(self.release)

    def __str__(self):
        return f"{self.name}: {self.message[:40]}"
