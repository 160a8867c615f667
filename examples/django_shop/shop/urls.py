"""The addresses of the shop."""

from django.contrib import admin
from django.urls import path

from . import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("orders/", views.place_order, name="place_order"),
    path("orders/report/", views.request_report, name="request_report"),
    path("orders/<int:order_id>/", views.show_order, name="show_order"),
]
