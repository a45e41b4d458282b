namespace Gateway;

/// <summary>An authenticated identity: the configured claim (by default <c>sub</c>) of the one configured issuer. Compared as bytes, never as text a person reads.</summary>
internal readonly record struct UserId(string Value)
{
    public override string ToString() => Value;
}

/// <summary>A Fly Machine's id: 14 hexadecimal digits on Fly, stable for the machine's life, also across a migration.</summary>
internal readonly record struct MachineId(string Value)
{
    public override string ToString() => Value;
}

/// <summary>A Fly volume's id (<c>vol_…</c>). Changes when Fly migrates a machine to another host.</summary>
internal readonly record struct VolumeId(string Value)
{
    public override string ToString() => Value;
}
