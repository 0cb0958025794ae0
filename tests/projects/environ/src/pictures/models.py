from django.db import models


class Picture(models.Model):
    text_id = models.CharField(max_length=64, unique=True)
    file = models.FileField(upload_to="pictures/", blank=True)

    def __str__(self):
        return self.text_id
