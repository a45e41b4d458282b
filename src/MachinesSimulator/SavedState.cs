using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>Machines and volumes in a file, so that a restart finds them. What ran is found stopped, as after a reboot of the host.</summary>
internal sealed class SavedState(string file)
{
    /// <summary>Called under the cloud's gate.</summary>
    public void Save(SimulatedCloud cloud)
    {
        var state = new JsonObject
        {
            ["machines"] = new JsonArray([.. cloud.Machines.Where(static machine => machine.State != "destroyed").Select(static machine => new JsonObject
            {
                ["id"] = machine.Id,
                ["app"] = machine.App,
                ["name"] = machine.Name,
                ["region"] = machine.Region,
                ["version"] = machine.Version,
                ["created_at"] = machine.CreatedAt.ToString("O"),
                ["config"] = machine.Config.DeepClone(),
            })]),
            ["volumes"] = new JsonArray([.. cloud.Volumes.Select(static volume => new JsonObject
            {
                ["id"] = volume.Id,
                ["app"] = volume.App,
                ["name"] = volume.Name,
                ["region"] = volume.Region,
                ["size_gb"] = volume.SizeGb,
                ["state"] = volume.State,
                ["machine"] = volume.Machine,
                ["created_at"] = volume.CreatedAt.ToString("O"),
                ["folder"] = volume.Folder,
            })]),
        };

        // Whole or not at all: a killed simulator must find what it had.
        File.WriteAllText(file + ".new", state.ToJsonString());
        File.Move(file + ".new", file, overwrite: true);
    }

    public void Load(SimulatedCloud cloud)
    {
        if (!File.Exists(file))
        {
            return;
        }

        var state = JsonNode.Parse(File.ReadAllText(file))!;
        foreach (var volume in state["volumes"]!.AsArray())
        {
            cloud.Restore(new SimulatedVolume
            {
                Id = Text(volume, "id"),
                App = Text(volume, "app"),
                Name = Text(volume, "name"),
                Region = Text(volume, "region"),
                SizeGb = volume!["size_gb"]!.GetValue<int>(),
                State = Text(volume, "state"),
                Machine = volume["machine"]?.GetValue<string>(),
                CreatedAt = At(volume),
                Folder = Text(volume, "folder"),
            });
        }

        foreach (var machine in state["machines"]!.AsArray())
        {
            var config = (JsonObject)machine!["config"]!.DeepClone();
            cloud.Restore(
                front => new SimulatedMachine
                {
                    Id = Text(machine, "id"),
                    App = Text(machine, "app"),
                    Name = Text(machine, "name"),
                    Region = Text(machine, "region"),
                    Version = Text(machine, "version"),
                    CreatedAt = At(machine),
                    UpdatedAt = At(machine),
                    Config = config,
                    State = "stopped",
                    Front = front,
                },
                config);
        }
    }

    private static string Text(JsonNode? node, string name) => node![name]!.GetValue<string>();

    private static DateTimeOffset At(JsonNode? node) => DateTimeOffset.Parse(Text(node, "created_at"), System.Globalization.CultureInfo.InvariantCulture);
}
