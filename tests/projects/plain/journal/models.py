from django.db import models


class Entry(models.Model):
    text_id = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.text_id
