"""What jwtguard costs, beside its peers: `python3 benchmarks/run.py`. Nothing in here is installed with the package."""
