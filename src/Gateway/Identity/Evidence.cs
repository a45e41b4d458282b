namespace Gateway.Identity;

/// <summary>
/// What a judgement of a credential rests on, and from when. Whoever remembers the judgement keeps this beside it and judges anew once it is doubted or old:
/// so nothing need know who remembers what.
/// </summary>
/// <param name="readAt">A timestamp of the provider of time.</param>
internal class Evidence(long readAt)
{
    private volatile bool _doubted;

    public long ReadAt => readAt;

    /// <summary>It may not be so any more. Never taken back: a new reading is new evidence.</summary>
    public bool Doubted => _doubted;

    public void Doubt() => _doubted = true;
}
