using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gateway.Sessions;

/// <summary>Records as they stand in Redis. A newer version's fields and states survive: see <c>Rest</c> and <c>Unknown</c>.</summary>
[JsonSourceGenerationOptions(
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(UserIdConverter), typeof(MachineIdConverter), typeof(VolumeIdConverter), typeof(StateConverter<SessionState>), typeof(StateConverter<MachineRecordState>)])]
[JsonSerializable(typeof(Session))]
[JsonSerializable(typeof(MachineRecord))]
internal sealed partial class RecordJson : JsonSerializerContext
{
    public static string Print(Session session) => JsonSerializer.Serialize(session, Default.Session);

    public static string Print(MachineRecord record) => JsonSerializer.Serialize(record, Default.MachineRecord);

    /// <exception cref="JsonException">It is no session.</exception>
    public static Session ReadSession(string body, long epoch) =>
        ((JsonSerializer.Deserialize(body, Default.Session) ?? throw new JsonException("A session is not null.")) with { Epoch = epoch }).Believed();

    /// <exception cref="JsonException">It is no machine record.</exception>
    public static MachineRecord ReadMachine(string body, long epoch) =>
        ((JsonSerializer.Deserialize(body, Default.MachineRecord) ?? throw new JsonException("A machine record is not null.")) with { Epoch = epoch }).Believed();
}

internal sealed class UserIdConverter : JsonConverter<UserId>
{
    public override UserId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetString() ?? "");

    public override void Write(Utf8JsonWriter writer, UserId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
}

internal sealed class MachineIdConverter : JsonConverter<MachineId>
{
    public override MachineId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetString() ?? "");

    public override void Write(Utf8JsonWriter writer, MachineId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
}

internal sealed class VolumeIdConverter : JsonConverter<VolumeId>
{
    public override VolumeId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetString() ?? "");

    public override void Write(Utf8JsonWriter writer, VolumeId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
}

/// <summary>States by their names in lower case. A name of a newer version reads as <c>Unknown</c>, which nobody writes.</summary>
internal sealed class StateConverter<T> : JsonConverter<T> where T : struct, Enum
{
    private static readonly Dictionary<string, T> ByName = Enum.GetValues<T>().ToDictionary(NameOf);

    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        ByName.GetValueOrDefault(reader.GetString() ?? "");

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(NameOf(value));

    private static string NameOf(T value) => value.ToString().ToLowerInvariant();
}
