"""What an app of FastAPI is made of here: requests, problems, routes, bodies."""
