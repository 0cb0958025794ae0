from django.db import models


class Item(models.Model):
    text_id = models.CharField(max_length=64, unique=True)

    def __str__(self):
        return self.text_id
