from django import forms

from entries.models import Entry


class EntryForm(forms.ModelForm):
    class Meta:
        model = Entry
        fields = ["name", "message"]
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name", "placeholder": "Your name"}),
            "message": forms.Textarea(attrs={"rows": 2, "placeholder": "What did you hear tonight?"}),
        }
